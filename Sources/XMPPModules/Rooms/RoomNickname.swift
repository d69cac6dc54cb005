import XMPPServer

/// How nicknames are compared, XEP-0045 §7.2.8: two that look alike are the same, so that nobody is taken for another.
///
/// What cannot be seen, such as a zero-width space, RFC 7622 does not let into an address.
enum RoomNickname {
    static let maximumBytes = 128

    /// What two nicknames have in common that are the same. nil: nobody may have it, as it is blank or too long.
    static func key(_ nickname: String) -> String? {
        guard nickname.utf8.count <= maximumBytes else { return nil }
        var scalars = String.UnicodeScalarView()
        for scalar in PRECIS.caseFolded(nickname).unicodeScalars
        where !scalar.properties.isWhitespace && scalar != emptyBraille {
            scalars.append(lookAlikes[scalar] ?? scalar)
        }
        return scalars.isEmpty ? nil : String(scalars)
    }

    /// Counts as a symbol, and shows nothing.
    private static let emptyBraille: Unicode.Scalar = "\u{2800}"

    /// Letters and digits that look like Latin letters, small or as capitals, from the confusables of UTS #39. They are written
    /// small here: how a name is written does not make it another one.
    private static let lookAlikes: [Unicode.Scalar: Unicode.Scalar] = {
        let table =
            "а=a е=e о=o р=p с=c у=y х=x і=i ј=j ѕ=s һ=h ԁ=d ԛ=q ԝ=w ѵ=v α=a ο=o ν=v ι=i ρ=p υ=u χ=x ϲ=c ո=n օ=o"
            + " в=b к=k м=m н=h т=t β=b ε=e ζ=z η=h κ=k μ=m τ=t ı=i 0=o 1=l i=l |=l"
        var pairs: [Unicode.Scalar: Unicode.Scalar] = [:]
        for entry in table.split(separator: " ") {
            let scalars = Array(entry.unicodeScalars)
            pairs[scalars[0]] = scalars[2]
        }
        for (scalar, other) in pairs { pairs[scalar] = pairs[other] ?? other }
        return pairs
    }()
}
