import XML

/// An element as a stored value, for modules that store what a client sent.
public struct StoredElement: StoredValue {
    /// The element itself.
    public let element: Element

    /// A value that is that element.
    public init(_ element: Element) { self.element = element }

    public init?(stored: Element) { element = stored }

    public func write(to writer: inout XMLWriter) { writer.copy(element) }
}
