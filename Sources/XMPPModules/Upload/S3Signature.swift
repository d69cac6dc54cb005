import Crypto
import XMPPServer

/// Signs requests to an S3-compatible store: AWS Signature Version 4.
struct S3Signature: Sendable {
    /// What stands for the hash of a body that is not known when its request is signed.
    static let unsignedBody = "UNSIGNED-PAYLOAD"

    let accessKey: String
    let secretKey: Redacted<String>
    let region: String

    /// The fields that a request needs beside `Host`.
    ///
    /// - Parameters:
    ///   - path: percent-encoded, from the slash on.
    ///   - query: names and values, not encoded.
    func fields(
        _ method: String, host: String, path: String, query: [(name: String, value: String)] = [], at time: Timestamp
    ) -> [(name: String, value: String)] {
        // `2012-04-26T10:00:00.123Z`
        let stamp = time.xep0082.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
        let day = String(stamp.prefix(8))
        let headers = [("host", host), ("x-amz-content-sha256", Self.unsignedBody), ("x-amz-date", stamp)]
        let names = headers.map(\.0).joined(separator: ";")
        let canonical = [
            method, path, Self.text(of: query), headers.map { "\($0):\($1)\n" }.joined(), names, Self.unsignedBody,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/s3/aws4_request"
        let digest = Self.hexadecimal(SHA256.hash(data: Array(canonical.utf8)))
        let text = ["AWS4-HMAC-SHA256", stamp, scope, digest].joined(separator: "\n")
        var key = SymmetricKey(data: Array("AWS4\(secretKey.value)".utf8))
        for part in [day, region, "s3", "aws4_request"] { key = SymmetricKey(data: Self.code(part, key)) }
        let signature = Self.hexadecimal(Self.code(text, key))
        return [
            ("x-amz-content-sha256", Self.unsignedBody), ("x-amz-date", stamp),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
            ),
        ]
    }

    /// The query as it is signed and sent: in the order of its names.
    static func text(of query: [(name: String, value: String)]) -> String {
        query.sorted { $0.name < $1.name }.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
    }

    /// All but unreserved characters, RFC 3986 §2.3.
    private static func encode(_ text: String) -> String { Percent.encode(text).replacing("@", with: "%40") }

    private static func code(_ text: String, _ key: SymmetricKey) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
