extension XMLWriter {
    /// Writes an element whose content `content` writes. Attributes without a value are left out.
    /// - Parameter namespace: nil: that of the element around it.
    @inlinable
    public mutating func element<Failure: Error>(
        _ name: StaticString,
        _ namespace: Namespace? = nil,
        _ attributes: KeyValuePairs<StaticString, String?> = [:],
        _ content: (inout XMLWriter) throws(Failure) -> Void
    ) throws(Failure) {
        start(name, namespace)
        for (name, value) in attributes { attribute(name, value) }
        try content(&self)
        end()
    }

    /// Writes an element that contains `text` alone.
    public mutating func element(
        _ name: StaticString,
        _ namespace: Namespace? = nil,
        _ attributes: KeyValuePairs<StaticString, String?> = [:],
        text: String
    ) {
        start(name, namespace)
        for (name, value) in attributes { attribute(name, value) }
        if !text.isEmpty { self.text(text) }
        end()
    }

    /// Writes an empty element.
    public mutating func element(
        _ name: StaticString,
        _ namespace: Namespace? = nil,
        _ attributes: KeyValuePairs<StaticString, String?> = [:]
    ) {
        start(name, namespace)
        for (name, value) in attributes { attribute(name, value) }
        end()
    }
}
