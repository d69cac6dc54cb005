import XMPPServer

/// XEP-0500: how long an occupant waits between two messages.
extension Room {
    /// Takes note of a message with a text, which may be encrypted, or of a subject.
    ///
    /// - Throws: `policy-violation` if the person has to wait.
    func pace(_ message: Element, of occupant: Occupant) throws(StanzaError) {
        guard let pause = configuration.slowMode, pause > 0,
            RoomNotifications.mayWake(message) || message.hasChild("subject", .client),
            affiliation(of: occupant.jid) < .admin
        else { return }
        let now = host.uptime()
        if let last = lastMessages[occupant.jid], now - last < .seconds(pause) {
            throw StanzaError(
                .policyViolation, type: .wait,
                text: "In this room one waits \(pause) seconds between two messages. Please try again later.")
        }
        // Those who need not wait any more are forgotten now and then.
        if lastMessages.count > 2 * occupants.count {
            lastMessages = lastMessages.filter { now - $0.value < .seconds(pause) }
        }
        lastMessages[occupant.jid] = now
    }
}
