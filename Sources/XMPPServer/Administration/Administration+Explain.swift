import XMPP

extension Administration {
    static let messageCommands = [
        Command(
            "explain",
            "Says what became of a message, or of an account's messages, as far as the running server remembers.",
            for: .administrator, isReading: true,
            .text(
                "subject",
                "The message's id, or an account: its address, its account id or the first part of its address."),
            .optional(
                .text("time", "Only messages that came within a minute of this moment, such as 2012-04-26T10:00:00Z."))
        ) { call, subject, time in
            try await call.administration.explain(AccountName(subject, host: call.hostName), time)
        }
    ]

    /// The maximum number of messages explained at a time.
    private static let maximumExplanations = 50
    /// A given time selects messages up to so many milliseconds before and after it.
    private static let vicinity: Int64 = 60_000

    /// Explains the message with that id or, if there is none, an account's messages.
    func explain(_ subject: AccountName, _ time: String?) async throws -> [MessageExplanation] {
        guard server.listens else {
            throw AdministrationError("no server is running; what became of messages is known only while it runs")
        }
        let trace = server.router.trace
        let moment = try time.map { text in
            guard let moment = Timestamp(text) else {
                throw AdministrationError("\"\(text)\" is no moment; write one such as 2012-04-26T10:00:00Z")
            }
            return moment
        }
        let isThen = { (message: MessageTrace.Message) in
            moment.map { abs(message.receivedAt.milliseconds - $0.milliseconds) <= Self.vicinity } ?? true
        }
        let id = String(decoding: subject.name.utf8.prefix(TraceRing.maximumTextSize), as: UTF8.self)
        if subject.host == nil {
            let found = trace.messages(newest: Self.maximumExplanations) { message in
                message.id == id && isThen(message)
                    && [message.from, message.to].contains { JID($0).map { manages($0.domain) } ?? false }
            }
            if !found.isEmpty { return found.map(MessageExplanation.init) }
        }
        let jid: JID
        do {
            jid = try await account(subject).jid
        } catch is AdministrationError {
            throw AdministrationError(
                "there is no message \(subject.name) that is remembered, and no such account", .notFound)
        }
        let found = trace.messages(newest: Self.maximumExplanations) { message in
            isThen(message) && [message.from, message.to].contains { JID($0)?.isSameBare(as: jid) == true }
        }
        return found.map(MessageExplanation.init)
    }
}
