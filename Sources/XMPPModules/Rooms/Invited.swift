import XMPPServer

/// Who was invited by way of a room, and by whom; as many as fit, the last ones.
struct Invited {
    private static let capacity = 1_000

    /// By the bare JIDs of the invited.
    private var inviters: [JID: JID] = [:]
    private var order: [JID] = []

    mutating func add(_ person: JID, by inviter: JID) {
        if inviters.updateValue(inviter, forKey: person) == nil { order.append(person) }
        guard order.count > Self.capacity else { return }
        for person in order.prefix(Self.capacity / 2) { inviters[person] = nil }
        order.removeFirst(Self.capacity / 2)
    }

    /// Forgets an invitation.
    ///
    /// - Returns: whose it was; nil: there was none.
    mutating func take(_ person: JID) -> JID? {
        guard let inviter = inviters.removeValue(forKey: person) else { return nil }
        order.removeAll { $0 == person }
        return inviter
    }
}
