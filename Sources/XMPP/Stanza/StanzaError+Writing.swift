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
        if let detail { writer.element(detail.name, detail.namespace, ["feature": detail.feature]) }
        writer.end()
    }
}
