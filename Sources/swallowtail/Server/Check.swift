import ArgumentParser
import Foundation
import SQLiteStorage
import XMPPModules
import XMPPServer

/// `swallowtail check`.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: """
            Checks the configuration, the certificates, the store, ports and folders; says what is wrong and how to fix it.
            """)

    @OptionGroup var options: AdministrativeOptions

    private struct Finding: Encodable {
        let status: CertificateCheck.Finding.Severity
        let file: String
        let line: Int?
        let text: String

        init(_ status: CertificateCheck.Finding.Severity, file: String, _ text: String) {
            self.status = status
            self.file = file
            line = nil
            self.text = "\(file): \(text)"
        }

        init(_ status: CertificateCheck.Finding.Severity, _ error: ConfigError) {
            self.status = status
            file = error.file
            line = error.line
            text = error.description
        }
    }

    func run() async throws {
        let path = try options.configuration.path()
        var findings: [Finding] = []
        do throws(ConfigErrors) {
            let (configuration, errors) = try ServerConfiguration.check(
                path: path, builtInProfiles: StandardProfiles.yaml, modules: AvailableModules.all)
            findings += errors.map { Finding(.error, $0) }
            if errors.isEmpty {
                let domains = configuration.hosts.map(\.domain).joined(separator: ", ")
                findings.append(Finding(.ok, file: path, "serves \(domains)"))
            }
            findings += CertificateCheck().findings(configuration).map { Finding($0.severity, $0.detail) }
            if errors.isEmpty {
                let isRunning = AdministrationClient(path: configuration.data.administrationSocket).isServed
                findings += SystemCheck(isRunning: isRunning).problems(configuration).map { Finding(.error, $0) }
            }
            findings += await checkStore(configuration.data.database)
        } catch {
            findings += error.errors.map { Finding(.error, $0) }
        }
        try report(findings)
    }

    private func report(_ findings: [Finding]) throws {
        if options.json {
            print(try encoded(findings))
        } else {
            for finding in findings {
                let status = finding.status.rawValue
                print(status + String(repeating: " ", count: 9 - status.count) + printable(finding.text))
            }
        }
        let errors = findings.count { $0.status == .error }
        guard errors == 0 else { throw Failure(errors == 1 ? "one thing is wrong" : "\(errors) things are wrong") }
    }

    private func checkStore(_ path: String) async -> [Finding] {
        do throws(StorageError) {
            let storage = try SQLiteStorage(path: path, access: .read)
            let damage = try await storage.integrityCheck()
            let accounts = try await storage.accounts(host: nil).count
            let version = storage.schemaVersion
            await storage.close()
            guard damage.isEmpty else {
                return damage.map { Finding(.error, file: path, "\($0) — restore the file from a backup") }
            }
            return [Finding(.ok, file: path, "sound, version \(version), \(accounts) accounts")]
        } catch {
            if error.kind == .notFound {
                return [Finding(.ok, file: path, "not there yet; it is made when it is needed")]
            }
            let fix = "let this user read it, or restore the file from a backup"
            return [Finding(.error, file: path, "\(error.diagnosis) — \(fix)")]
        }
    }
}
