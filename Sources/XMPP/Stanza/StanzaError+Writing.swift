public import XML

extension StanzaError {
    /// Writes the element `error` into a stanza. It takes the namespace of the stanza.
    public func write(to writer: inout XMLWriter) {
        writer.start("error")
        writer.attribute("type", type.rawValue)
        writer.element(condition.name, .stanzas)
        if let text {
            writer.start("text", .stanzas)
            writer.lang("en")
            writer.text(text)
            writer.end()
        }
        detail?.write(to: &writer)
        writer.end()
    }
}

extension StanzaError.Detail {
    func write(to writer: inout XMLWriter) {
        writer.start(name, namespace)
        for part in attributes { writer.attribute(part.name, part.text) }
        for part in children { writer.element(part.name, text: part.text) }
        writer.end()
    }
}
