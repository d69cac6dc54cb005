extension FixedWidthInteger {
    /// The number that a text in an element or an attribute means: XML Schema ignores white space around it.
    public init?(schema text: String) {
        let isBlank: (Unicode.Scalar) -> Bool = { [" ", "\t", "\n", "\r"].contains($0) }
        let scalars = text.unicodeScalars.drop(while: isBlank)
        guard let end = scalars.lastIndex(where: { !isBlank($0) }) else { return nil }
        self.init(Substring(scalars[...end]))
    }
}
