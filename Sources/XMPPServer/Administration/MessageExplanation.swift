/// What became of a message, as administrators see it. Moments are written as in XEP-0082.
public struct MessageExplanation: Codable, Sendable, Equatable {
    /// One thing that has happened to it.
    public struct Step: Codable, Sendable, Equatable {
        /// A word as of `TraceStep`.
        public let what: String
        public let at: String
        /// Whom or what it is about; nil: nothing in particular.
        public let subject: String?
        /// The condition for which it was refused.
        public let condition: String?
    }

    /// nil: it had none.
    public let id: String?
    public let type: String
    public let from: String
    public let to: String?
    public let receivedAt: String
    public let steps: [Step]

    init(_ message: MessageTrace.Message) {
        id = message.id.isEmpty ? nil : message.id
        type = message.type.name.map { "\($0)" } ?? "normal"
        from = message.from
        to = message.to.isEmpty ? nil : message.to
        receivedAt = message.receivedAt.xep0082
        steps = message.steps.map { step in
            Step(
                what: step.moment.name, at: step.time.xep0082, subject: step.subject.isEmpty ? nil : step.subject,
                condition: step.detail.isEmpty ? nil : step.detail)
        }
    }
}
