import XMPPServer

/// A module by which clients connect over HTTP, and which `HostMeta` announces.
protocol ConnectionMethod: WebModule {
    /// Its relation type, XEP-0156 §2.1.
    static var relation: String { get }

    /// Its address on a site.
    func connectionAddress(at site: WebAddress) -> String
}

extension ConfigSection {
    /// Reads the path on a host's site.
    func path(default path: String, _ help: String) -> String {
        let value = string("path", default: path, help)
        if !value.hasPrefix("/") || value.contains(where: { "?#{}*: ".contains($0) }) {
            fail("path", "\"\(value)\" is no path", fix: "write one such as \"\(path)\"")
        }
        return value
    }
}
