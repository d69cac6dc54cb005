import Foundation

/// A value in an argument or a result of a command: JSON without fractions.
public enum CommandValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case text(String)
    case list([CommandValue])
    case record([String: CommandValue])

    /// The text; nil: it is not a text.
    public var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    /// The value, or `null` for none.
    public init(_ text: String?) {
        self = text.map { .text($0) } ?? .null
    }

    /// A list of texts.
    public init(_ texts: [String]) {
        self = .list(texts.map { .text($0) })
    }

    /// The member of a record; nil: there is none, or this is no record.
    public subscript(_ key: String) -> CommandValue? {
        if case .record(let values) = self { values[key] } else { nil }
    }
}

extension CommandValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(arrayLiteral values: CommandValue...) { self = .list(values) }
    public init(dictionaryLiteral members: (String, CommandValue)...) {
        self = .record(Dictionary(members) { first, _ in first })
    }
    public init(stringLiteral value: String) { self = .text(value) }
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
}

extension CommandValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([CommandValue].self) {
            self = .list(value)
        } else {
            self = .record(try container.decode([String: CommandValue].self))
        }
    }

    /// Members without a value are left out.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .record(let values): try container.encode(values.filter { $0.value != .null })
        }
    }
}
