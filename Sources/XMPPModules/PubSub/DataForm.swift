import XMPPServer

/// XEP-0004: a form that somebody has filled in. What is not a field of it, and what repeats one, is not looked at.
struct DataForm: Sendable, Equatable {
    /// Fields of one form, and bytes of what they say: no form of ours is nearly as large.
    private static let maximumFields = 100
    private static let maximumBytes = 64 << 10

    /// XEP-0068: what the form is about.
    let type: String?
    /// The values by the names of their fields, in the order of the form.
    let fields: [(name: String, values: [String])]

    /// A form with these fields.
    init(fields: [(name: String, values: [String])]) {
        type = nil
        self.fields = fields
    }

    /// - Throws: `bad-request` if it is not filled in, `not-acceptable` if it is too large.
    init(_ form: Element) throws(StanzaError) {
        guard form.isNamed("x", .dataForms), form["type"] == "submit" else { throw .badRequest }
        var fields: [(name: String, values: [String])] = []
        var names: Set<String> = []
        var byteCount = 0
        for field in form.children where field.isNamed("field", .dataForms) {
            guard let name = field["var"], names.insert(name).inserted else { throw .badRequest }
            let values = field.children.filter { $0.isNamed("value", .dataForms) }.map(\.text)
            byteCount += values.reduce(name.utf8.count) { $0 + $1.utf8.count }
            guard fields.count < Self.maximumFields, byteCount <= Self.maximumBytes else { throw .notAcceptable }
            fields.append((name, values))
        }
        type = fields.first { $0.name == "FORM_TYPE" }?.values.first
        self.fields = fields.filter { $0.name != "FORM_TYPE" }
    }

    /// The form in an element, which must be about that.
    ///
    /// - Returns: nil if there is none, or it was cancelled.
    static func inside(_ element: Element, about type: Namespace) throws(StanzaError) -> DataForm? {
        guard let form = element.child("x", .dataForms), form["type"] != "cancel" else { return nil }
        let parsed = try DataForm(form)
        guard parsed.type == nil || parsed.type == type.name else { throw .badRequest }
        return parsed
    }

    static func == (one: DataForm, other: DataForm) -> Bool {
        one.type == other.type
            && one.fields.elementsEqual(other.fields) { $0.name == $1.name && $0.values == $1.values }
    }
}

/// One line of a form that the server writes.
struct FormField: Sendable {
    let name: String
    let type: StaticString
    var label: String?
    var options: [String] = []
    /// The numbers that it takes (XEP-0122); nil: it is for no number, or for any.
    var range: ClosedRange<Int>?
    var values: [String]

    /// Writes a form about that.
    ///
    /// - Parameter kind: `form` for one to be filled in, `result` for one that tells something, `submit` for one that is filled in.
    static func write(_ fields: [FormField], about type: String, _ kind: StaticString, to writer: inout XMLWriter) {
        writer.start("x", .dataForms)
        writer.attribute("type", kind)
        write(fields, inside: type, to: &writer)
        writer.end()
    }

    /// Writes the fields of a form about that.
    static func write(_ fields: [FormField], inside type: String, to writer: inout XMLWriter) {
        writer.element("field", nil, ["var": "FORM_TYPE", "type": "hidden"]) { $0.element("value", text: type) }
        for field in fields {
            writer.start("field")
            writer.attribute("var", field.name)
            writer.attribute("type", field.type)
            writer.attribute("label", field.label)
            for option in field.options { writer.element("option") { $0.element("value", text: option) } }
            for value in field.values { writer.element("value", text: value) }
            if let range = field.range {
                writer.element("validate", .formValidation, ["datatype": "xs:integer"]) { writer in
                    writer.element("range", nil, ["min": String(range.lowerBound), "max": String(range.upperBound)])
                }
            }
            writer.end()
        }
    }
}

extension Namespace {
    /// What a field of a form takes (XEP-0122).
    static let formValidation: Namespace = "http://jabber.org/protocol/xdata-validate"
}

extension Bool {
    /// A switch of a form.
    init?(form text: String) {
        switch text {
        case "1", "true": self = true
        case "0", "false": self = false
        default: return nil
        }
    }
}
