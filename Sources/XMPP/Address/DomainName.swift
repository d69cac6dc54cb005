import CIDN2

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The domainpart of an address (RFC 7622, section 3.2): a host name by IDNA2008 or an IP address.
enum DomainName {
    /// - Returns: the normal form: host names in lower case, Unicode and without a final dot; nil if it is neither a
    ///   host name nor an IP address.
    static func prepared(_ domain: String) -> String? {
        let mapped = mapped(domain)
        guard mapped.utf8.count <= 2 * JID.maximumPartByteCount else { return nil }
        if mapped.utf8.first == UInt8(ascii: "[") { return isBracketedAddress(mapped) ? mapped : nil }
        // ASCII labels are checked here: with IDN2_USE_STD3_ASCII_RULES the library deletes invalid characters.
        guard hasOrdinaryASCII(mapped) else { return nil }
        let isRooted = mapped.utf8.last == UInt8(ascii: ".")
        guard let name = unicodeLabels(isRooted ? String(mapped.dropLast()) : mapped),
            (1...JID.maximumPartByteCount).contains(name.utf8.count)
        else { return nil }
        return name
    }

    /// The mapping of RFC 5895: lower case, ordinary width, NFC, and the ideographic full stop for a dot.
    private static func mapped(_ domain: String) -> String {
        if domain.utf8.allSatisfy({ $0 < 0x80 }) { return domain.lowercased() }
        let ordinary = PRECIS.ordinaryWidth(Array(domain.unicodeScalars)).map { $0 == "\u{3002}" ? "." : $0 }
        return String(String.UnicodeScalarView(NormalizationFormC.apply(to: PRECIS.lowercase(ordinary))))
    }

    // MARK: - Labels

    private static func hasPunycode(_ name: String) -> Bool {
        name.utf8.split(separator: UInt8(ascii: ".")).contains { $0.starts(with: "xn--".utf8) }
    }

    /// Whether each label has only characters of host names; all non-ASCII characters count as valid.
    private static func hasOrdinaryASCII(_ name: String) -> Bool {
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for (index, label) in labels.enumerated() {
            if label.isEmpty, index == labels.count - 1, index > 0 { continue }
            guard label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-"), !label.isEmpty,
                label.allSatisfy({ $0 >= 0x80 || ByteSet.hostName.contains($0) }),
                label.count <= 63 || label.contains(where: { $0 >= 0x80 })
            else { return false }
        }
        return true
    }

    /// The name with each label in Unicode, checked by IDNA2008.
    private static func unicodeLabels(_ name: String) -> String? {
        let isASCII = name.utf8.allSatisfy { $0 < 0x80 }
        guard hasPunycode(name) else { return isASCII || toASCII(name) != nil ? name : nil }
        // A Punycode label is normal only if its Unicode form gives the same Punycode again, and is a valid name: the
        // library lets it end with a hyphen.
        guard let ascii = toASCII(name), let unicode = toUnicode(ascii), toASCII(unicode) == ascii,
            mapped(unicode) == unicode, hasOrdinaryASCII(unicode)
        else { return nil }
        return unicode
    }

    private static func toASCII(_ name: String) -> String? {
        var output: UnsafeMutablePointer<CChar>?
        let flags = CInt(IDN2_NO_TR46.rawValue | IDN2_NFC_INPUT.rawValue)
        let code = idn2_to_ascii_8z(name, &output, flags)
        return taken(output, code)
    }

    private static func toUnicode(_ name: String) -> String? {
        var output: UnsafeMutablePointer<CChar>?
        let code = idn2_to_unicode_8z8z(name, &output, 0)
        return taken(output, code)
    }

    private static func taken(_ output: UnsafeMutablePointer<CChar>?, _ code: CInt) -> String? {
        guard let output else { return nil }
        defer { idn2_free(output) }
        return code == IDN2_OK.rawValue ? String(validatingCString: output) : nil
    }

    // MARK: - IP addresses

    /// Whether it is an IPv6 address in brackets (RFC 4291, section 2.2), without a zone.
    private static func isBracketedAddress(_ domain: String) -> Bool {
        guard domain.utf8.last == UInt8(ascii: "]"), !domain.utf8.contains(0) else { return false }
        var address = in6_addr()
        return inet_pton(AF_INET6, String(domain.dropFirst().dropLast()), &address) == 1
    }
}
