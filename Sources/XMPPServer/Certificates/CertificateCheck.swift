import Foundation
import NIOSSL
import SwiftASN1
import X509

/// Checks the certificates of a configuration the way clients do.
public struct CertificateCheck: Sendable {
    /// A finding about a host's certificate.
    public struct Finding: Sendable {
        /// How bad it is.
        public enum Severity: String, Sendable, Codable {
            case ok
            /// A problem soon.
            case warning
            /// Clients refuse to connect, or the server cannot start.
            case error
        }

        public let severity: Severity
        /// The host's domain.
        public let domain: String
        /// The place, the problem and a suggested fix; or that all is well.
        public let detail: ConfigError
    }

    /// Warns so many days before a certificate expires.
    static let daysOfWarning = 14

    private let now: Date

    /// A check at that time.
    public init(now: Date = Date()) {
        self.now = now
    }

    /// The findings for all hosts.
    public func findings(_ configuration: ServerConfiguration) -> [Finding] {
        configuration.hosts.flatMap(findings)
    }

    private func findings(_ host: HostConfiguration) -> [Finding] {
        guard let certificate = host.certificate, let key = host.key else { return [] }
        do {
            let leaf = try readCertificate(certificate)
            let problems =
                [keyProblem(key, of: leaf), nameProblem(leaf, host.domain), timeProblem(leaf)].compactMap { $0 }
            guard problems.isEmpty else { return problems.map { finding($0, host) } }
            let until = leaf.notValidAfter.formatted(.iso8601.year().month().day())
            let names = names(of: leaf).joined(separator: ", ")
            let detail = host.section.error(
                "certificate", "the certificate is for \(names) and valid until \(until)", fix: "")
            return [Finding(severity: .ok, domain: host.domain, detail: detail)]
        } catch {
            return [finding(error, host)]
        }
    }

    private struct Problem: Error {
        var severity = Finding.Severity.error
        let key: String
        let text: String
        let fix: String
    }

    private func finding(_ problem: Problem, _ host: HostConfiguration) -> Finding {
        Finding(
            severity: problem.severity, domain: host.domain,
            detail: host.section.error(problem.key, problem.text, fix: problem.fix))
    }

    // MARK: Single checks

    private func readCertificate(_ path: String) throws(Problem) -> Certificate {
        let bytes = try read(path, key: "certificate")
        if (try? Certificate(derEncoded: bytes)) != nil {
            throw Problem(
                key: "certificate", text: "\(path) is in the form DER, not PEM",
                fix: "convert it: openssl x509 -inform DER -in \(path) -out \(pemName(path)); then name that file")
        }
        try checkText(bytes, path, key: "certificate")
        do {
            guard let leaf = try NIOSSLCertificate.fromPEMFile(path).first else {
                throw Problem(key: "certificate", text: "\(path) is empty", fix: "name a PEM file with a certificate")
            }
            return try Certificate(derEncoded: leaf.toDERBytes())
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(
                key: "certificate", text: "\(path) holds no certificate",
                fix: "name a PEM file that begins with the host's own certificate")
        }
    }

    /// Reports files that are often mistaken for PEM.
    private func checkText(_ bytes: [UInt8], _ path: String, key: String) throws(Problem) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) || bytes.starts(with: [0xFF, 0xFE])
            || bytes.starts(with: [0xFE, 0xFF])
        {
            throw Problem(
                key: key, text: "\(path) begins with a byte order mark",
                fix: "save it as plain text, in UTF-8 without BOM")
        }
        // PKCS #12 (RFC 7292, section 4): a sequence that begins with the version, which is three.
        if bytes.first == 0x30, bytes.prefix(8).firstRange(of: [0x02, 0x01, 0x03]) != nil {
            throw Problem(
                key: key, text: "\(path) is in the form PKCS #12, not PEM",
                fix: "take the \(key) out: openssl pkcs12 -in \(path) -nodes \(key == "key" ? "-nocerts" : "-nokeys") "
                    + "-out \(pemName(path)); then name that file")
        }
    }

    /// The suggested path of the converted file.
    private func pemName(_ path: String) -> String {
        let name = URL(fileURLWithPath: path).deletingPathExtension().path
        return "\(name).pem" == path ? "\(name)-converted.pem" : "\(name).pem"
    }

    private func read(_ path: String, key: String) throws(Problem) -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw Problem(
                key: key, text: exists ? "\(path) cannot be read" : "there is no file \(path)",
                fix: exists ? "give this user the right to read it" : "write it, or name another file")
        }
    }

    private func keyProblem(_ path: String, of leaf: Certificate) -> Problem? {
        do {
            let bytes = try read(path, key: "key")
            guard (try? NIOSSLPrivateKey(bytes: bytes, format: .der)) == nil else {
                return Problem(
                    key: "key", text: "\(path) is in the form DER, not PEM",
                    fix: "convert it: openssl pkey -inform DER -in \(path) -out \(pemName(path)); then name that file")
            }
            try checkText(bytes, path, key: "key")
            let text = String(decoding: bytes, as: UTF8.self)
            guard (try? NIOSSLPrivateKey(file: path, format: .pem)) != nil, let key = Self.privateKey(text) else {
                return Problem(
                    key: "key", text: "\(path) holds no private key that can be used",
                    fix: "name a PEM file with an RSA or EC key that takes no passphrase")
            }
            guard key.publicKey == leaf.publicKey else {
                return Problem(
                    key: "key", text: "\(path) is not the key of the certificate",
                    fix: "name the key that the certificate was made for")
            }
            return nil
        } catch {
            return error
        }
    }

    /// The private key in the file; some tools write the curve's parameters before it.
    private static func privateKey(_ text: String) -> Certificate.PrivateKey? {
        let documents = try? PEMDocument.parseMultiple(pemString: text)
        return documents?.first { $0.discriminator.hasSuffix("PRIVATE KEY") }
            .flatMap { try? Certificate.PrivateKey(pemDocument: $0) }
    }

    private func nameProblem(_ leaf: Certificate, _ domain: String) -> Problem? {
        let names = names(of: leaf)
        guard !names.contains(where: { Self.covers($0, domain) }) else { return nil }
        return Problem(
            key: "certificate",
            text: names.isEmpty
                ? "the certificate names no host" : "the certificate is for \(names.joined(separator: ", "))",
            fix: "get one that has \(domain) among its subject alternative names")
    }

    private func names(of leaf: Certificate) -> [String] {
        guard let names = try? leaf.extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            if case .dnsName(let name) = name { name } else { nil }
        }
    }

    /// RFC 6125 §6.4: a `*` stands for one label.
    private static func covers(_ name: String, _ domain: String) -> Bool {
        guard name.hasPrefix("*.") else { return normalDomain(name) == domain }
        let rest = domain.drop { $0 != "." }.dropFirst()
        return !rest.isEmpty && normalDomain(String(name.dropFirst(2))) == String(rest)
    }

    private func timeProblem(_ leaf: Certificate) -> Problem? {
        let until = leaf.notValidAfter.formatted(.iso8601)
        if leaf.notValidAfter < now {
            return Problem(
                key: "certificate", text: "the certificate has expired (\(until))", fix: "renew it")
        }
        if leaf.notValidBefore > now {
            return Problem(
                key: "certificate",
                text: "the certificate is not valid before \(leaf.notValidBefore.formatted(.iso8601))",
                fix: "check this machine's clock, or wait")
        }
        let soon = now.addingTimeInterval(Double(Self.daysOfWarning) * 86_400)
        guard leaf.notValidAfter < soon else { return nil }
        return Problem(
            severity: .warning, key: "certificate", text: "the certificate expires soon (\(until))", fix: "renew it")
    }
}
