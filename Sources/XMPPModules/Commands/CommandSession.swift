import XMPPServer

/// An execution of a command, XEP-0050 §3: the values so far, and the present page of the form.
struct CommandSession: Sendable {
    let id: String
    let command: Command
    /// The executing client's full JID.
    let asker: JID
    /// The parameters on each page of the form.
    let pages: [[CommandParameter]]
    var page = 0
    private(set) var arguments: [String: CommandValue] = [:]

    init(_ command: Command, of asker: JID) {
        id = SecureRandom.text(length: 16)
        self.command = command
        self.asker = asker
        // The host is the one addressed; files cannot be sent by forms.
        let asked = command.parameters.filter { parameter in
            switch parameter.kind {
            case .host, .file: false
            default: true
            }
        }
        pages = [asked.filter { !$0.isFurther }, asked.filter(\.isFurther)].filter { !$0.isEmpty }
    }

    var isLast: Bool { page + 1 >= pages.count }
    /// Whether the pages after the present one need no values.
    var canComplete: Bool { pages.dropFirst(page + 1).allSatisfy { $0.allSatisfy { !$0.isRequired } } }

    // MARK: Forms, XEP-0004

    /// Writes the possible actions and the page.
    ///
    /// - Parameter present: initial values of fields, by parameter name.
    func writeForm(_ present: [String: [String]], to writer: inout XMLWriter) {
        writer.start("actions")
        writer.attribute("execute", isLast ? "complete" : "next" as StaticString)
        if page > 0 { writer.element("prev") }
        if !isLast { writer.element("next") }
        if canComplete { writer.element("complete") }
        writer.end()
        writer.element("x", .dataForms, ["type": "form"]) { writer in
            writer.element("title", text: command.title)
            writer.element("instructions", text: command.summary)
            CommandForm.writeType(command, to: &writer)
            for parameter in pages[page] { write(parameter, present[parameter.name], to: &writer) }
        }
    }

    private func write(_ parameter: CommandParameter, _ present: [String]?, to writer: inout XMLWriter) {
        var kind: StaticString = "text-single"
        var options: [String] = []
        switch parameter.kind {
        case .texts: kind = "text-multi"
        case .secret: kind = "text-private"
        case .boolean: kind = "boolean"
        case .choice(let words): (kind, options) = ("list-single", words)
        case .account: kind = "jid-single"
        case .accounts: kind = "jid-multi"
        case .text, .integer, .duration, .host, .file: break
        }
        writer.start("field")
        writer.attribute("var", parameter.formName)
        writer.attribute("type", kind)
        writer.attribute("label", parameter.help)
        if parameter.isRequired { writer.element("required") }
        // A secret that was entered is kept, but not shown.
        if case .secret = parameter.kind {
        } else {
            let standard = parameter.standard.map { [$0] }
            for text in Self.texts(arguments[parameter.name]) ?? present ?? standard ?? [] {
                writer.element("value", text: text)
            }
        }
        for option in options {
            writer.element("option", nil, ["label": option]) { $0.element("value", text: option) }
        }
        writer.end()
        if let verification = parameter.verification {
            writer.element(
                "field", nil, ["var": verification, "type": "text-private", "label": "The same once more"])
        }
    }

    /// Entered values, for a client that goes back.
    private static func texts(_ value: CommandValue?) -> [String]? {
        switch value {
        case .text(let text): [text]
        case .list(let values): values.compactMap(\.text)
        default: nil
        }
    }

    /// Reads the values of the present page.
    ///
    /// - Throws: `AdministrationError` about a field that cannot be read.
    mutating func read(_ form: Element?) throws(AdministrationError) {
        var fields: [String: [String]] = [:]
        if let form {
            for field in form.children where field.isNamed("field", .dataForms) {
                guard let name = field["var"] else { continue }
                fields[name] = field.children.filter { $0.isNamed("value", .dataForms) }.map(\.text)
            }
        }
        for parameter in pages[page] {
            let values = fields[parameter.formName]?.filter { !$0.isEmpty } ?? []
            if let verification = parameter.verification, fields[verification]?.filter({ !$0.isEmpty }) ?? [] != values
            {
                throw AdministrationError("the two fields \(parameter.formName) and \(verification) are not the same")
            }
            switch parameter.kind {
            case .secret where values.isEmpty: break
            case .texts, .accounts:
                arguments[parameter.name] = values.isEmpty ? nil : CommandValue(values)
            default:
                guard values.count < 2 else {
                    throw AdministrationError("the field \(parameter.formName) has several values")
                }
                arguments[parameter.name] = values.first.map { .text($0) }
            }
            guard arguments[parameter.name] != nil || !parameter.isRequired else {
                throw AdministrationError("the field \(parameter.formName) is empty")
            }
        }
    }
}

extension CommandForm {
    /// Writes the result of a command, XEP-0050 §3.1 and XEP-0004 §3.
    func write(_ command: Command, to writer: inout XMLWriter) {
        switch self {
        case .sentence(let text):
            writer.element("note", nil, ["type": "info"], text: text)
        case .fields(let fields):
            writer.element("x", .dataForms, ["type": "result"]) { writer in
                Self.writeType(command, to: &writer)
                for field in fields where !field.values.isEmpty { field.write(to: &writer) }
            }
        case .table(let columns, let rows):
            writer.element("x", .dataForms, ["type": "result"]) { writer in
                Self.writeType(command, to: &writer)
                writer.element("reported") { writer in
                    for column in columns { column.write(to: &writer) }
                }
                for row in rows {
                    writer.element("item") { writer in
                        for field in row { field.writeValues(to: &writer) }
                    }
                }
            }
        }
    }

    /// The FORM_TYPE, XEP-0068.
    fileprivate static func writeType(_ command: Command, to writer: inout XMLWriter) {
        writer.element("field", nil, ["var": "FORM_TYPE", "type": "hidden"]) {
            $0.element("value", text: command.formType)
        }
    }
}

extension CommandForm.Field {
    private var kind: String {
        switch shape {
        case .boolean: "boolean"
        case .address: "jid-single"
        case .list(.address): "jid-multi"
        case .list: "text-multi"
        case .text, .moment, .integer, .record: "text-single"
        }
    }

    fileprivate func write(to writer: inout XMLWriter) {
        writer.element("field", nil, ["var": name, "type": kind, "label": title]) { writer in
            for value in values { writer.element("value", text: value) }
        }
    }

    fileprivate func writeValues(to writer: inout XMLWriter) {
        guard !values.isEmpty else { return }
        writer.element("field", nil, ["var": name]) { writer in
            for value in values { writer.element("value", text: value) }
        }
    }
}
