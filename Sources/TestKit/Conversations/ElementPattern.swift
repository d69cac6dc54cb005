import NIOCore
import XMPPServer

/// An expected element.
///
/// Names, namespaces, attributes and content must be equal, attributes in any order. `*` in an attribute or a text
/// matches anything, `<*/>` any element, and `...` as text allows further elements.
struct ElementPattern {
    private static let any: Namespace = "urn:swallowtail:any"

    let source: String
    private let element: Element

    /// Reads the elements of one statement.
    static func all(_ text: String) throws -> [ElementPattern] {
        let any = "<any xmlns='\(any.name)'/>"
        let document =
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
            + text.replacing("<*/>", with: any) + "</stream:stream>"
        do {
            return try Element(parsing: document).children.map {
                ElementPattern(source: String(buffer: $0.bytes).replacing(any, with: "<*/>"), element: $0)
            }
        } catch {
            throw ConversationFailure("what is expected is no XML: \(error.reason)")
        }
    }

    /// Reads the opening tag of a stream.
    static func opening(_ text: String) throws -> ElementPattern {
        var tag = text
        if !tag.contains("xmlns:stream=") {
            tag = tag.replacing(
                "<stream:stream", with: "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'")
        }
        guard tag.hasSuffix(">"), let element = try? Element(parsing: String(tag.dropLast()) + "/>") else {
            throw ConversationFailure("what is expected is no opening tag")
        }
        return ElementPattern(source: text, element: element)
    }

    private init(source: String, element: Element) {
        self.source = source
        self.element = element
    }

    /// Compares; captured values are added to `known`.
    ///
    /// - Returns: the difference, or nil if the element matches.
    func mismatch(_ received: Element, known: inout [String: String]) -> String? {
        var captured = known
        if let problem = Self.mismatch(element, received, &captured) { return problem }
        known = captured
        return nil
    }

    private static func mismatch(_ expected: Element, _ received: Element, _ known: inout [String: String]) -> String? {
        if expected.isNamed("any", any) { return nil }
        guard expected.name == received.name, expected.namespaceName == received.namespaceName else {
            return "<\(received.name)> in '\(received.namespaceName)' stands where <\(expected.name)> in "
                + "'\(expected.namespaceName)' should be"
        }
        return attributeMismatch(expected, received, &known) ?? contentMismatch(expected, received, &known)
    }

    private static func attributeMismatch(
        _ expected: Element, _ received: Element, _ known: inout [String: String]
    ) -> String? {
        var values: [String: String] = [:]
        for attribute in received.attributes { values[key(attribute)] = attribute.value }
        for attribute in expected.attributes {
            guard let value = values.removeValue(forKey: key(attribute)) else {
                return "<\(expected.name)> has no attribute \(attribute.name)"
            }
            guard let found = TextPattern(attribute.value, known: known).match(value) else {
                return "<\(expected.name)> has \(attribute.name)=\"\(value)\""
            }
            known.merge(found) { _, new in new }
        }
        return values.keys.sorted().first.map { "<\(expected.name)> has the attribute \($0) as well" }
    }

    private static func key(_ attribute: Attribute) -> String {
        attribute.namespaceName.isEmpty ? attribute.name : "\(attribute.namespaceName) \(attribute.name)"
    }

    private static func contentMismatch(
        _ expected: Element, _ received: Element, _ known: inout [String: String]
    ) -> String? {
        let mayHoldMore = trimmed(expected.text) == "..."
        var others = Array(received.children)
        for child in expected.children {
            guard mayHoldMore else {
                guard !others.isEmpty else { return "<\(expected.name)> has no <\(child.name)>" }
                if let problem = mismatch(child, others.removeFirst(), &known) { return problem }
                continue
            }
            var captured = known
            guard
                let index = others.firstIndex(where: { other in
                    captured = known
                    return mismatch(child, other, &captured) == nil
                })
            else { return "<\(expected.name)> has no such <\(child.name)>" }
            known = captured
            others.remove(at: index)
        }
        if mayHoldMore { return nil }
        if let other = others.first { return "<\(expected.name)> has a <\(other.name)> as well" }
        let isMixed = expected.firstChild != nil
        let text = isMixed ? trimmed(received.text) : received.text
        let pattern = TextPattern(isMixed ? trimmed(expected.text) : expected.text, known: known)
        guard let found = pattern.match(text) else { return "<\(expected.name)> holds the text \"\(text)\"" }
        known.merge(found) { _, new in new }
        return nil
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
