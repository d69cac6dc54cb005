import XML

/// A value that a module keeps in a `KeyedStore`. It is stored as XML, so that an export is readable anywhere and later
/// releases can read it.
public protocol StoredValue: Sendable {
    /// The value that the element describes, or nil if it describes none.
    init?(stored element: Element)
    /// Writes the value as one element.
    func write(to writer: inout XMLWriter)
}
