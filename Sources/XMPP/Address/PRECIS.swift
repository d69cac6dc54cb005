/// The two profiles of the PRECIS framework (RFC 8264) that XMPP uses, as RFC 8265 defines them.
///
/// Characters are checked after the mappings, as in RFC 8264, section 7, and other implementations: a decomposed name,
/// as from a Mac, is valid. Each rule set is applied until the string no longer changes; a string that still changes
/// after three more rounds is refused. So preparation is idempotent.
public enum PRECIS {
    /// UsernameCaseMapped (RFC 8265, section 3.3): localparts and user names.
    /// - Returns: the prepared string; nil if it is empty or has a character that the profile refuses.
    public static func usernameCaseMapped(_ string: String) -> String? {
        settled(string, usernameCaseMapped)
    }

    /// OpaqueString (RFC 8265, section 4.2): resourceparts and passwords.
    /// - Returns: the prepared string; nil if it is empty or has a character that the profile refuses.
    public static func opaqueString(_ string: String) -> String? {
        settled(string, opaqueString)
    }

    /// A nickname as it is compared, after RFC 8266, section 2.4: of ordinary width, in small letters, and without what is
    /// another form of the same letters (NFKC).
    public static func caseFolded(_ string: String) -> String {
        var plain: [Unicode.Scalar] = []
        for scalar in ordinaryWidth(Array(string.unicodeScalars)) {
            SASLprepTables.shared.decompose(scalar, into: &plain)
        }
        let folded = NormalizationFormC.apply(to: lowercase(plain))
        return String(String.UnicodeScalarView(folded))
    }

    private static func settled(
        _ string: String,
        _ profile: ([Unicode.Scalar]) -> [Unicode.Scalar]?
    ) -> String? {
        var scalars = Array(string.unicodeScalars)
        for _ in 0..<4 {
            guard !scalars.isEmpty, let next = profile(scalars) else { return nil }
            if next == scalars { return String(String.UnicodeScalarView(scalars)) }
            scalars = next
        }
        return nil
    }

    private static func usernameCaseMapped(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar]? {
        let normalized = NormalizationFormC.apply(to: lowercase(ordinaryWidth(scalars)))
        guard allAllowed(normalized, in: .identifier), BidiRule.allows(normalized) else { return nil }
        return normalized
    }

    private static func opaqueString(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar]? {
        let tables = UnicodeTables.shared
        let spaced = scalars.map { tables.properties(of: $0).isWideSpace ? " " : $0 }
        let normalized = NormalizationFormC.apply(to: spaced)
        return allAllowed(normalized, in: .freeform) ? normalized : nil
    }

    // MARK: - Mappings

    static func ordinaryWidth(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let tables = UnicodeTables.shared
        return scalars.map { tables.properties(of: $0).hasOrdinaryWidth ? tables.ordinaryWidth(of: $0) : $0 }
    }

    /// Regardless of context: a capital sigma always becomes σ (RFC 7622, section 3.5).
    static func lowercase(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let tables = UnicodeTables.shared
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        for scalar in scalars {
            if scalar == "\u{130}" {
                result += ["i", "\u{307}"]
            } else {
                result.append(tables.properties(of: scalar).hasLowercase ? tables.lowercase(of: scalar) : scalar)
            }
        }
        return result
    }

    // MARK: - String classes

    private enum StringClass {
        case identifier, freeform
    }

    private static func allAllowed(_ scalars: [Unicode.Scalar], in stringClass: StringClass) -> Bool {
        let tables = UnicodeTables.shared
        var context: ContextRules?
        for (index, scalar) in scalars.enumerated() {
            switch tables.properties(of: scalar).derived {
            case .valid:
                continue
            case .freeformOnly:
                guard stringClass == .freeform else { return false }
            case .contextJ, .contextO:
                let rules = context ?? ContextRules(scalars)
                context = rules
                guard rules.allow(at: index) else { return false }
            case .disallowed, .unassigned:
                return false
            }
        }
        return true
    }
}
