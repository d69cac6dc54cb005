/// The trace of a message for administrators. Times are in ISO 8601.
public struct MessageExplanation: CommandRecord, Equatable {
    /// One step of it.
    public struct Step: CommandRecord, Equatable {
        /// A name as in `TraceStep`.
        public let what: String
        public let at: String
        /// The address or module concerned; nil: none.
        public let subject: String?
        /// The error condition.
        public let condition: String?

        public static let columns: [CommandColumn<Step>] = [
            .text("what", "what") { $0.what },
            .text("at", "at", shape: .moment) { $0.at },
            .text("subject", "subject") { $0.subject },
            .text("condition", "condition") { $0.condition },
        ]

        fileprivate var sentence: String {
            let subject = subject ?? ""
            switch what {
            case "refused":
                let reason = condition.map { ": \($0)" } ?? ""
                return (subject.isEmpty ? "refused" : "refused by the module \(subject)") + reason
            case "taken": return "taken by the module \(subject), goes no further"
            case "archived": return "archived for \(subject)"
            case "delivered": return "handed to \(subject)"
            case "copied": return "copied to \(subject)"
            case "kept": return "kept by the module \(subject)"
            case "stored": return "durable"
            case "failed": return "could not be made durable"
            case "pushed": return "\(subject) told to wake a client"
            case "crossed": return "sent to the server of \(subject)"
            case "notified": return "told others: \(subject)"
            case "acknowledged": return "acknowledged by \(subject)"
            default: return [what, subject].joined(separator: " ")
            }
        }
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

extension MessageExplanation {
    public static let columns: [CommandColumn<MessageExplanation>] = [
        .text("id", "id") { $0.id },
        .text("type", "type") { $0.type },
        .text("from", "from", shape: .address) { $0.from },
        .text("to", "to", shape: .address) { $0.to },
        .text("receivedAt", "received", shape: .moment) { $0.receivedAt },
        .records("steps", title: "steps") { $0.steps },
    ]

    public static func text(of messages: [MessageExplanation]) -> String {
        messages.isEmpty ? "No message is remembered." : messages.map(\.text).joined(separator: "\n\n")
    }

    public var text: String {
        let origin = (receivedAt, "received from \(from)" + (to.map { " for \($0)" } ?? ""))
        return printable("\(type) message \(id ?? "without an id")") + "\n"
            + TextTable.list([origin] + steps.map { ($0.at, $0.sentence) })
    }
}
