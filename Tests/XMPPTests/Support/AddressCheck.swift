@testable import XMPP

/// What must hold for anything that may be an address, a user name or a password.
enum AddressCheck {
    /// What does not hold for `bytes`; nil if all is well.
    static func complaint(_ bytes: [UInt8]) -> String? {
        let jid = bytes.withUnsafeBytes { JID(utf8: $0.bytes) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return jid.map { "Not UTF-8, but an address: \($0)" }
        }
        guard JID(text) == jid else { return "Other from a string than from bytes: \(text.debugDescription)" }
        return jid.flatMap { complaint($0, text) }
            ?? settles("user name", text, PRECIS.usernameCaseMapped)
            ?? settles("password", text, PRECIS.opaqueString)
            ?? normalForm(text)
    }

    /// An address means the same in its normal form and in its parts, and each of them is bounded.
    private static func complaint(_ jid: JID, _ text: String) -> String? {
        func complaint(_ what: String) -> String {
            "\(what): \(jid.string.debugDescription) of \(text.debugDescription)"
        }
        guard let again = JID(jid.string), again == jid, isSame(again.string, jid.string) else {
            return complaint("Its normal form has another")
        }
        guard JID(local: jid.local, domain: jid.domain, resource: jid.resource) == jid else {
            return complaint("Its parts are those of another")
        }
        guard JID(local: jid.local, domain: jid.domain, resource: nil) == jid.bare, jid.bare.isSameBare(as: jid) else {
            return complaint("It is not of its own account")
        }
        let parts = [jid.local, jid.domain, jid.resource].compactMap(\.self)
        guard parts.allSatisfy({ (1...JID.maximumPartByteCount).contains($0.utf8.count) }) else {
            return complaint("A part is empty or too long")
        }
        // Whoever compares with one of these must find it where the address has it.
        guard jid.local?.contains(where: { "@/\"&'<>: ".contains($0) }) != true, !jid.domain.contains("@") else {
            return complaint("A part has what separates parts")
        }
        return nil
    }

    private static func settles(_ what: String, _ text: String, _ profile: (String) -> String?) -> String? {
        guard let prepared = profile(text) else { return nil }
        guard let again = profile(prepared), isSame(prepared, again) else {
            return "The \(what) \(text.debugDescription) is prepared anew each time"
        }
        return prepared.isEmpty ? "The \(what) \(text.debugDescription) becomes nothing" : nil
    }

    /// What is composed is equivalent to what it is composed of, and composed for good.
    private static func normalForm(_ text: String) -> String? {
        let scalars = NormalizationFormC.apply(to: Array(text.unicodeScalars))
        guard NormalizationFormC.apply(to: scalars) == scalars else {
            return "The composition of \(text.debugDescription) is not composed"
        }
        // The standard library sorts what these are made of wrongly.
        let areSorted = text.unicodeScalars.allSatisfy { !["\u{F73}", "\u{F75}", "\u{F81}"].contains($0) }
        guard !areSorted || String(String.UnicodeScalarView(scalars)) == text else {
            return "The composition of \(text.debugDescription) is not equivalent to it"
        }
        return nil
    }

    /// Whether the bytes are, not what Unicode holds to be equivalent.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        one.utf8.elementsEqual(other.utf8)
    }
}
