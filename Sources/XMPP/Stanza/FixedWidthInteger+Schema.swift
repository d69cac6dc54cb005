extension FixedWidthInteger {
    /// The number in the text of an element or attribute, without surrounding white space as in XML Schema.
    public init?(schema text: String) {
        let isBlank: (Unicode.Scalar) -> Bool = { [" ", "\t", "\n", "\r"].contains($0) }
        let scalars = text.unicodeScalars.drop(while: isBlank)
        guard let end = scalars.lastIndex(where: { !isBlank($0) }) else { return nil }
        self.init(Substring(scalars[...end]))
    }
}
