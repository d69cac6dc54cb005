import Foundation
import NIOSSL
import SwiftASN1
import X509

/// Looks at the certificates of a configuration as the clients will.
public struct CertificateCheck: Sendable {
    /// What was found about a host's certificate.
    public struct Finding: Sendable {
        /// How bad it is.
        public enum Severity: String, Sendable, Codable {
            case ok
            /// It will be wrong soon.
            case warning
            /// Clients are turned away, or the server cannot start.
            case error
        }

        public let severity: Severity
        /// The host's domain.
        public let domain: String
        /// Where it stands, what is wrong and how to mend it; what is right, if nothing is wrong.
        public let detail: ConfigError
    }

    /// A certificate is called old this many days before it is.
    static let daysOfWarning = 14

    private let now: Date

    /// A check at that moment.
    public init(now: Date = Date()) {
        self.now = now
    }

    /// All that can be said of the hosts' certificates.
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
                "certificate", "the certificate is for \(names) and valid until \(until)", mend: "")
            return [Finding(severity: .ok, domain: host.domain, detail: detail)]
        } catch {
            return [finding(error, host)]
        }
    }

    private struct Problem: Error {
        var severity = Finding.Severity.error
        let key: String
        let text: String
        let mend: String
    }

    private func finding(_ problem: Problem, _ host: HostConfiguration) -> Finding {
        Finding(
            severity: problem.severity, domain: host.domain,
            detail: host.section.error(problem.key, problem.text, mend: problem.mend))
    }

    // MARK: Single checks

    private func readCertificate(_ path: String) throws(Problem) -> Certificate {
        _ = try read(path, key: "certificate")
        do {
            guard let leaf = try NIOSSLCertificate.fromPEMFile(path).first else {
                throw Problem(key: "certificate", text: "\(path) is empty", mend: "name a PEM file with a certificate")
            }
            return try Certificate(derEncoded: leaf.toDERBytes())
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(
                key: "certificate", text: "\(path) holds no certificate",
                mend: "name a PEM file that begins with the host's own certificate")
        }
    }

    private func read(_ path: String, key: String) throws(Problem) -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw Problem(
                key: key, text: exists ? "\(path) cannot be read" : "there is no file \(path)",
                mend: exists ? "give this user the right to read it" : "write it, or name another file")
        }
    }

    private func keyProblem(_ path: String, of leaf: Certificate) -> Problem? {
        do {
            let text = try read(path, key: "key")
            guard (try? NIOSSLPrivateKey(file: path, format: .pem)) != nil, let key = Self.privateKey(text) else {
                return Problem(
                    key: "key", text: "\(path) holds no private key that can be used",
                    mend: "name a PEM file with an RSA or EC key that takes no passphrase")
            }
            guard key.publicKey == leaf.publicKey else {
                return Problem(
                    key: "key", text: "\(path) is not the key of the certificate",
                    mend: "name the key that the certificate was made for")
            }
            return nil
        } catch {
            return error
        }
    }

    /// The key among what the file holds; some tools write the curve's parameters before it.
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
            mend: "get one that has \(domain) among its subject alternative names")
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
                key: "certificate", text: "the certificate has expired (\(until))", mend: "renew it")
        }
        if leaf.notValidBefore > now {
            return Problem(
                key: "certificate",
                text: "the certificate is not valid before \(leaf.notValidBefore.formatted(.iso8601))",
                mend: "check this machine's clock, or wait")
        }
        let soon = now.addingTimeInterval(Double(Self.daysOfWarning) * 86_400)
        guard leaf.notValidAfter < soon else { return nil }
        return Problem(
            severity: .warning, key: "certificate", text: "the certificate expires soon (\(until))", mend: "renew it")
    }
}
