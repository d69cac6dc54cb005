import Crypto
import Foundation
import Subprocess
import SwiftASN1
import SystemPackage
import Testing
import X509
import XMPPModules

@testable import XMPPServer

@Suite struct CertificateCheckTests {
    private static let now = Date(timeIntervalSince1970: 1_700_000_000)

    /// Writes a certificate and a key, and returns what the check finds: severity, key of the file, text.
    private static func findings(
        names: [String], days: ClosedRange<Double>, ownKey: Bool = true
    ) throws -> [CertificateCheck.Finding] {
        let directory = FileManager.default.temporaryDirectory.appending(path: "swallowtail-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("test") }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(days.lowerBound * 86_400),
            notValidAfter: now.addingTimeInterval(days.upperBound * 86_400),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions { SubjectAlternativeNames(names.map { .dnsName($0) }) },
            issuerPrivateKey: key)
        let written = ownKey ? key : Certificate.PrivateKey(P256.Signing.PrivateKey())
        try certificate.serializeAsPEM().pemString
            .write(to: directory.appending(path: "c.pem"), atomically: true, encoding: .utf8)
        try written.serializeAsPEM().pemString
            .write(to: directory.appending(path: "k.pem"), atomically: true, encoding: .utf8)
        return try findings(in: directory.path)
    }

    private static func findings(in directory: String) throws -> [CertificateCheck.Finding] {
        let text = "hosts:\n  chat.example:\n    certificate: c.pem\n    key: k.pem\n"
        let (root, _) = try ConfigFile.parse(text, file: "\(directory)/f.yaml")
        let configuration = ServerConfiguration(
            root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
        return CertificateCheck(now: now).findings(configuration)
    }

    @Test(arguments: [["chat.example"], ["other.example", "Chat.Example"], ["*.example"]])
    func aCertificateForTheDomainIsRight(_ names: [String]) throws {
        let findings = try Self.findings(names: names, days: -1...90)
        #expect(findings.map(\.severity) == [.ok])
        #expect(findings.first?.detail.line == 3)
    }

    @Test(arguments: [["other.example"], ["*.chat.example"], ["*.com"], ["example"], []])
    func aCertificateForOthersIsWrong(_ names: [String]) throws {
        let findings = try Self.findings(names: names, days: -1...90)
        #expect(findings.map(\.severity) == [.error])
        #expect(findings.first?.detail.fix.contains("chat.example") == true)
        #expect(findings.first?.detail.path == "hosts.chat.example.certificate")
    }

    @Test(
        arguments: [
            (-90.0...(-1.0), CertificateCheck.Finding.Severity.error, "has expired"),
            (1.0...90.0, .error, "not valid before"),
            (-90.0...13.0, .warning, "expires soon"),
            (-90.0...15.0, .ok, "valid until"),
        ] as [(ClosedRange<Double>, CertificateCheck.Finding.Severity, String)])
    func timesAreLookedAt(
        _ days: ClosedRange<Double>, _ severity: CertificateCheck.Finding.Severity, _ words: String
    ) throws {
        let findings = try Self.findings(names: ["chat.example"], days: days)
        #expect(findings.map(\.severity) == [severity])
        #expect(findings.first?.detail.problem.contains(words) == true)
    }

    @Test func theKeyOfAnotherCertificateIsFound() throws {
        let findings = try Self.findings(names: ["chat.example"], days: -1...90, ownKey: false)
        #expect(findings.map(\.severity) == [.error])
        #expect(findings.first?.detail.line == 4)
    }

    /// Runs openssl on a right pair and returns what the check says of what came of it.
    private static func findings(openssl commands: [[String]]) async throws -> [String] {
        let folder = try TestFolder()
        try TestCertificate("chat.example").write(to: folder.path, as: "chat.example")
        for (name, file) in [("chat.example.crt", "c.pem"), ("chat.example.key", "k.pem")] {
            try FileManager.default.copyItem(atPath: "\(folder.path)/\(name)", toPath: "\(folder.path)/\(file)")
        }
        for command in commands {
            let run = try await run(
                .name(command[0]), arguments: Arguments(Array(command.dropFirst())),
                workingDirectory: FilePath(folder.path), output: .discarded, error: .string(limit: 1 << 16))
            try #require(run.terminationStatus.isSuccess, "\(run.standardError)")
        }
        // The certificate is of today.
        return try findings(in: folder.path).map { $0.detail.description.replacing(folder.path, with: "") }
            .filter { !$0.contains("not valid before") }
    }

    @Test func otherFormsOfCertificatesAreTold() async throws {
        #expect(
            try await Self.findings(openssl: [
                ["openssl", "x509", "-in", "chat.example.crt", "-outform", "DER", "-out", "c.pem"]
            ])
                == [
                    "/f.yaml:3: hosts.chat.example.certificate: /c.pem is in the form DER, not PEM — convert it: openssl x509 "
                        + "-inform DER -in /c.pem -out /c-converted.pem; then name that file"
                ])
        #expect(
            try await Self.findings(openssl: [
                ["openssl", "pkey", "-in", "chat.example.key", "-outform", "DER", "-out", "k.pem"]
            ])
                == [
                    "/f.yaml:4: hosts.chat.example.key: /k.pem is in the form DER, not PEM — convert it: openssl pkey "
                        + "-inform DER -in /k.pem -out /k-converted.pem; then name that file"
                ])
        let pack = [
            "openssl", "pkcs12", "-export", "-in", "chat.example.crt", "-inkey", "chat.example.key", "-passout",
            "pass:",
        ]
        #expect(
            try await Self.findings(openssl: [pack + ["-out", "c.pem"], pack + ["-out", "k.pem"]])
                .allSatisfy { $0.contains("is in the form PKCS #12, not PEM — take the ") })
        let mark = "printf '\\357\\273\\277' | cat - chat.example.crt > c.pem"
        #expect(
            try await Self.findings(openssl: [["sh", "-c", mark]])
                == [
                    "/f.yaml:3: hosts.chat.example.certificate: /c.pem begins with a byte order mark — save it as plain text, "
                        + "in UTF-8 without BOM"
                ])
    }

    @Test func aMissingFileIsNamed() throws {
        let findings = try Self.findings(in: "/nowhere")
        #expect(findings.map(\.severity) == [.error])
        #expect(findings.first?.detail.problem == "there is no file /nowhere/c.pem")
        #expect(findings.first?.detail.line == 3)
    }
}
