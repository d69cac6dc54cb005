import XMPP

/// The result of a command, for programs and for people.
public protocol CommandResult: Sendable {
    /// Its structure, for descriptions such as OpenAPI.
    static var shape: CommandShape { get }
    /// The result for programs.
    var value: CommandValue { get }
    /// The result for people, in lines.
    var text: String { get }
    /// The result as a form.
    var form: CommandForm { get }
}

/// The structure of a value.
public indirect enum CommandShape: Sendable {
    case text
    /// An address, RFC 7622.
    case address
    /// A time, in ISO 8601.
    case moment
    case integer
    case boolean
    case list(CommandShape)
    case record([Member])

    /// A member of a record.
    public struct Member: Sendable {
        public let name: String
        public let shape: CommandShape
        public let isOptional: Bool
    }
}

/// A result as a form.
public enum CommandForm: Sendable {
    case sentence(String)
    case fields([Field])
    case table(columns: [Field], rows: [[Field]])

    /// A field with its value.
    public struct Field: Sendable {
        public let name: String
        /// nil: none.
        public let title: String?
        public let shape: CommandShape
        public let values: [String]
    }
}

// MARK: - Sentences

/// A sentence that says what a command has done.
public struct Sentence: CommandResult, ExpressibleByStringInterpolation {
    public let text: String

    /// A result in these words.
    public init(_ text: String) { self.text = text }
    public init(stringLiteral text: String) { self.text = text }

    public static var shape: CommandShape { .record([.init(name: "done", shape: .text, isOptional: false)]) }
    public var value: CommandValue { .record(["done": .text(text)]) }
    public var form: CommandForm { .sentence(text) }
}

// MARK: - Records

/// A result with members, declared once for programs, forms and people.
public protocol CommandRecord: CommandResult {
    static var columns: [CommandColumn<Self>] { get }
    /// The sentence for an empty list of these.
    static var none: String { get }
    /// Several of them as text.
    static func text(of records: [Self]) -> String
}

extension CommandRecord {
    public static var none: String { "There are none." }
    public static var shape: CommandShape { .record(columns.compactMap(\.member)) }

    public var value: CommandValue {
        var values: [String: CommandValue] = [:]
        for column in Self.columns {
            if let name = column.name { values[name] = column.value(self) }
        }
        return .record(values)
    }

    public var text: String { text(Self.columns) }

    /// The lines of one record; tables of nested records follow below.
    fileprivate func text(_ columns: [CommandColumn<Self>]) -> String {
        let (lines, tables) = lines(columns)
        return ([TextTable.list(lines)] + tables).joined(separator: "\n\n")
    }

    fileprivate func lines(_ columns: [CommandColumn<Self>]) -> (lines: [(String, String)], tables: [String]) {
        var lines: [(String, String)] = []
        var tables: [String] = []
        for column in columns {
            switch column.content {
            case .nested(let nested):
                let (more, below) = nested(self)
                lines += more
                tables += below
            case .several(let table):
                if let text = table(self) { tables.append(text) }
            case .word(let words):
                if let title = column.label.list, let text = words(self, false) { lines.append((title, text)) }
            }
        }
        return (lines, tables)
    }

    public static func text(of records: [Self]) -> String {
        let columns = columns.filter { $0.label.table != nil }
        var table = TextTable(columns.map { $0.label.table ?? "" })
        for record in records {
            table.add(
                columns.map { column in
                    if case .word(let words) = column.content { words(record, true) ?? "" } else { "" }
                })
        }
        return table.text(ifEmpty: none)
    }

    public var form: CommandForm { .fields(fields) }

    fileprivate var fields: [CommandForm.Field] { Self.columns.flatMap { $0.fields(self) } }
}

extension Array: CommandResult where Element: CommandRecord {
    public static var shape: CommandShape { .list(Element.shape) }
    public var value: CommandValue { .list(map(\.value)) }
    public var text: String { Element.text(of: self) }
    public var form: CommandForm {
        .table(columns: Element.columns.compactMap(\.heading), rows: map(\.fields))
    }
}

/// A member of a record: its name for programs, its field in forms, its title for people.
public struct CommandColumn<Record: Sendable>: Sendable {
    /// The title above a column or beside a value.
    public struct Label: Sendable, ExpressibleByStringLiteral {
        /// The title in the list of one record's members; nil: not shown.
        let list: String?
        /// The title in the table of several records; nil: not shown.
        let table: String?

        /// A label with different titles.
        public init(list: String? = nil, table: String? = nil) {
            self.list = list
            self.table = table
        }
        public init(stringLiteral title: String) { self.init(list: title, table: title) }
        /// For programs alone.
        public static var hidden: Label { Label() }
    }

    fileprivate enum Content: Sendable {
        case word(@Sendable (Record, _ inTable: Bool) -> String?)
        case nested(@Sendable (Record) -> (lines: [(String, String)], tables: [String]))
        case several(@Sendable (Record) -> String?)
    }

    fileprivate let name: String?
    fileprivate let field: String?
    fileprivate let label: Label
    fileprivate let shape: CommandShape
    fileprivate let isOptional: Bool
    fileprivate let value: @Sendable (Record) -> CommandValue
    fileprivate let content: Content
    fileprivate let fields: @Sendable (Record) -> [CommandForm.Field]

    fileprivate var member: CommandShape.Member? {
        name.map { CommandShape.Member(name: $0, shape: shape, isOptional: isOptional) }
    }

    /// The heading in a form's table; nil: the column is not in it.
    fileprivate var heading: CommandForm.Field? {
        guard let name, case .word = content else { return nil }
        return CommandForm.Field(name: field ?? name, title: title, shape: shape, values: [])
    }

    private var title: String? { label.list ?? label.table }

    private init(
        _ name: String?, _ field: String?, _ label: Label, _ shape: CommandShape, isOptional: Bool = false,
        _ value: @escaping @Sendable (Record) -> CommandValue, _ content: Content,
        fields: (@Sendable (Record) -> [CommandForm.Field])? = nil
    ) {
        self.name = name
        self.field = field
        self.label = label
        self.shape = shape
        self.isOptional = isOptional
        self.value = value
        self.content = content
        let title = label.list ?? label.table
        self.fields =
            fields ?? { record in
                guard let name = field ?? name else { return [] }
                return [CommandForm.Field(name: name, title: title, shape: shape, values: Self.texts(value(record)))]
            }
    }

    private static func texts(_ value: CommandValue) -> [String] {
        switch value {
        case .null, .record: []
        case .boolean(let value): [value ? "true" : "false"]
        case .integer(let value): ["\(value)"]
        case .text(let text): [text]
        case .list(let values): values.flatMap(texts)
        }
    }

    // MARK: Kinds

    /// A text.
    ///
    /// - Parameters:
    ///   - field: its name in forms, if it differs.
    ///   - none: what people see if there is no value; nil: nothing.
    public static func text(
        _ name: String, _ label: Label, field: String? = nil, shape: CommandShape = .text, none: String? = nil,
        noneInTable: String = "", _ value: @escaping @Sendable (Record) -> String?
    ) -> Self {
        Self(
            name, field, label, shape, isOptional: true, { CommandValue(value($0)) },
            .word { record, inTable in
                guard let text = value(record), !text.isEmpty else { return inTable ? noneInTable : none }
                return text
            })
    }

    /// Texts.
    public static func texts(
        _ name: String, _ label: Label, field: String? = nil, shape: CommandShape = .text,
        _ value: @escaping @Sendable (Record) -> [String]
    ) -> Self {
        Self(
            name, field, label, .list(shape), { CommandValue(value($0)) },
            .word { record, _ in value(record).joined(separator: " ") })
    }

    /// A number.
    public static func integer(
        _ name: String, _ label: Label, field: String? = nil, noneInTable: String = "",
        _ value: @escaping @Sendable (Record) -> Int?
    ) -> Self {
        Self(
            name, field, label, .integer, isOptional: true,
            { value($0).map { .integer(Int64($0)) } ?? .null },
            .word { record, inTable in value(record).map { "\($0)" } ?? (inTable ? noneInTable : nil) })
    }

    /// A boolean, shown as `yes` or, in a list, `no`.
    public static func boolean(
        _ name: String, _ label: Label, _ value: @escaping @Sendable (Record) -> Bool
    ) -> Self {
        Self(
            name, nil, label, .boolean, { .boolean(value($0)) },
            .word { record, inTable in value(record) ? "yes" : inTable ? "" : "no" })
    }

    /// A boolean, shown as `on` or `off`.
    public static func onOff(
        _ name: String, _ label: Label, _ value: @escaping @Sendable (Record) -> Bool
    ) -> Self {
        Self(
            name, nil, label, .boolean, { .boolean(value($0)) },
            .word { record, _ in value(record) ? "on" : "off" })
    }

    /// A value for people that programs find in other members; empty: not shown.
    public static func display(_ label: Label, _ text: @escaping @Sendable (Record) -> String) -> Self {
        Self(
            nil, nil, label, .text, { _ in .null },
            .word { record, inTable in
                let text = text(record)
                return text.isEmpty && !inTable ? nil : text
            })
    }

    /// A nested record; forms and texts show its members among the others.
    public static func record<Nested: CommandRecord>(
        _ name: String, _ value: @escaping @Sendable (Record) -> Nested
    ) -> Self {
        Self(
            name, nil, .hidden, Nested.shape, { value($0).value },
            .nested { record in
                let nested = value(record)
                return nested.lines(Nested.columns)
            },
            fields: { value($0).fields })
    }

    /// Nested records; nil: unknown. Forms show their first members.
    public static func records<Nested: CommandRecord>(
        _ name: String, field: String? = nil, title: String, _ value: @escaping @Sendable (Record) -> [Nested]?
    ) -> Self {
        Self(
            name, field, .hidden, .list(Nested.shape), isOptional: true, { value($0)?.value ?? .null },
            .several { value($0)?.text },
            fields: { record in
                let values = value(record)?.compactMap { $0.fields.first?.values.first } ?? []
                return [CommandForm.Field(name: field ?? name, title: title, shape: .list(.text), values: values)]
            })
    }
}
