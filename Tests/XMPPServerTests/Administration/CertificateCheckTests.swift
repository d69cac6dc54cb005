import Crypto
import Foundation
import SwiftASN1
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
        let configuration = ServerConfiguration(root, builtInProfiles: StandardProfiles.yaml)
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
        #expect(findings.first?.detail.mend.contains("chat.example") == true)
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

    @Test func aMissingFileIsNamed() throws {
        let findings = try Self.findings(in: "/nowhere")
        #expect(findings.map(\.severity) == [.error])
        #expect(findings.first?.detail.problem == "there is no file /nowhere/c.pem")
        #expect(findings.first?.detail.line == 3)
    }
}
