/// Where something stands in a configuration file.
struct ConfigPosition: Hashable, Sendable {
    let file: String
    let line: Int
    let column: Int
}

/// A value of the configuration file. Its identity stands for its place in the file: the report remembers by it
/// which places have been read.
final class ConfigNode: Sendable {
    enum Content: Sendable {
        /// A key without a value.
        case empty
        case scalar(String)
        case list([ConfigNode])
        case mapping([ConfigEntry])
    }

    let content: Content
    /// The value's place for a scalar, the key's place for everything larger.
    let position: ConfigPosition
    /// The keys that lead to this value, such as `listeners[0].port`.
    let path: String

    init(_ content: Content, at position: ConfigPosition, path: String) {
        self.content = content
        self.position = position
        self.path = path
    }

    var id: ObjectIdentifier { ObjectIdentifier(self) }

    var entries: [ConfigEntry] {
        if case .mapping(let entries) = content { entries } else { [] }
    }

    var scalarText: String? {
        if case .scalar(let text) = content { text } else { nil }
    }

    /// The value in the words of an error text.
    var kindName: String {
        switch content {
        case .empty: "nothing"
        case .scalar: "a single value"
        case .list: "a list"
        case .mapping: "a section"
        }
    }
}

/// One key of a mapping and its value.
struct ConfigEntry: Sendable {
    let key: String
    let position: ConfigPosition
    let value: ConfigNode
}
