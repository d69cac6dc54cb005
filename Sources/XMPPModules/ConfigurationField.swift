import XMPPServer

/// One setting of something that people configure by a form of XEP-0004: how it is called, how it is shown, and how it is
/// read and changed.
struct ConfigurationField<Configuration: Sendable>: Sendable {
    let name: String
    let type: StaticString
    let label: String
    var options: [String] = []
    /// The numbers that it takes; nil: it is for no number, or for any.
    var range: ClosedRange<Int>?
    let get: @Sendable (Configuration) -> [String]
    /// Throws `not-acceptable` if it does not take these values.
    let set: @Sendable (inout Configuration, [String]) throws(StanzaError) -> Void

    /// The line of a form.
    func line(_ configuration: Configuration) -> FormField {
        FormField(name: name, type: type, label: label, options: options, range: range, values: get(configuration))
    }

    // MARK: Types

    /// - Parameter maximum: bytes of it in UTF-8.
    static func text(
        _ name: String, _ label: String, type: StaticString = "text-single", maximum: Int = .max,
        _ path: any WritableKeyPath<Configuration, String> & Sendable
    ) -> Self {
        Self(name: name, type: type, label: label, get: { [$0[keyPath: path]] }) {
            (configuration, values) throws(StanzaError) in
            let text = values.first ?? ""
            guard text.utf8.count <= maximum else { throw .notAcceptable }
            configuration[keyPath: path] = text
        }
    }

    static func flag(
        _ name: String, _ label: String, _ path: any WritableKeyPath<Configuration, Bool> & Sendable
    ) -> Self {
        Self(name: name, type: "boolean", label: label, get: { [$0[keyPath: path] ? "1" : "0"] }) {
            (configuration, values) throws(StanzaError) in
            guard values.count == 1, let value = Bool(form: values[0]) else { throw .notAcceptable }
            configuration[keyPath: path] = value
        }
    }

    static func choice<Value: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ label: String, _ path: any WritableKeyPath<Configuration, Value> & Sendable
    ) -> Self {
        Self(
            name: name, type: "list-single", label: label, options: Value.allCases.map(\.rawValue),
            get: { [$0[keyPath: path].rawValue] }
        ) { (configuration, values) throws(StanzaError) in
            guard values.count == 1, let value = Value(rawValue: values[0]) else { throw .notAcceptable }
            configuration[keyPath: path] = value
        }
    }

    /// Several of some values; the order does not matter.
    static func choices<Value: RawRepresentable<String> & Hashable & Sendable>(
        _ name: String, _ label: String, of all: [Value],
        _ path: any WritableKeyPath<Configuration, Set<Value>> & Sendable
    ) -> Self {
        Self(
            name: name, type: "list-multi", label: label, options: all.map(\.rawValue),
            get: { configuration in all.filter { configuration[keyPath: path].contains($0) }.map(\.rawValue) }
        ) { (configuration, values) throws(StanzaError) in
            var chosen: Set<Value> = []
            for text in values where !text.isEmpty {
                guard let value = Value(rawValue: text), all.contains(value) else { throw .notAcceptable }
                chosen.insert(value)
            }
            configuration[keyPath: path] = chosen
        }
    }

    /// - Parameters:
    ///   - none: the word for no bound.
    ///   - maximum: larger numbers are not taken.
    static func number(
        _ name: String, _ label: String, type: StaticString = "text-single", none: String, options: [String] = [],
        maximum: Int = .max,
        _ path: any WritableKeyPath<Configuration, Int?> & Sendable
    ) -> Self {
        Self(
            name: name, type: type, label: label, options: options, range: maximum == .max ? nil : 0...maximum,
            get: { $0[keyPath: path].map { ["\($0)"] } ?? (none.isEmpty ? [] : [none]) }
        ) { (configuration, values) throws(StanzaError) in
            if values.isEmpty || values == [none] || values == [""] { return configuration[keyPath: path] = nil }
            guard values.count == 1, let value = Int(schema: values[0]), (0...maximum).contains(value) else {
                throw .notAcceptable
            }
            configuration[keyPath: path] = value
        }
    }
}
