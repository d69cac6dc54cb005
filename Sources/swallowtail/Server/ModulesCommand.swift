import ArgumentParser
import XMPP
import XMPPModules
import XMPPServer

/// `swallowtail modules`.
struct ModulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modules", abstract: "Lists the modules of each host, with what they implement.")

    @Option(help: ArgumentHelp("Only the modules of this host.", valueName: "domain"))
    var host: String?

    @OptionGroup var options: AdministrativeOptions

    private struct HostModules: Encodable {
        let host: String
        let profile: String
        let modules: [Module]
    }

    private struct Module: Encodable {
        let name: String
        let specifications: [String]
        let summary: String
    }

    func run() throws {
        let configuration = try options.configuration.load()
        let domain = host.flatMap { JID(local: nil, domain: $0, resource: nil)?.domain }
        let hosts = configuration.hosts.filter { host == nil || $0.domain == domain }.map(modules)
        if let host, hosts.isEmpty { throw Failure("\(host) is not served here") }
        print(options.json ? try encoded(hosts) : table(hosts))
    }

    private func modules(of host: HostConfiguration) -> HostModules {
        let modules = host.modules.map(\.info).map { info in
            Module(
                name: info.name, specifications: info.specifications.map(\.description), summary: info.summary)
        }
        return HostModules(host: host.domain, profile: host.profileName, modules: modules)
    }

    private func table(_ hosts: [HostModules]) -> String {
        var table = TextTable(["host", "module", "implements", "summary"])
        for host in hosts {
            for module in host.modules {
                table.add([host.host, module.name, module.specifications.joined(separator: ", "), module.summary])
            }
        }
        return table.text(ifEmpty: "There are no modules.")
    }
}
