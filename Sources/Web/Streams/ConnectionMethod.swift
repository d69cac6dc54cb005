import XMPPServer

/// A module by which clients connect over HTTP, for those who look for a way to do so.
protocol ConnectionMethod: WebModule {
    /// What kind of way it is, XEP-0156 §2.1.
    static var relation: String { get }

    /// Where clients connect, on a site at that address.
    func connectionAddress(at site: WebAddress) -> String
}

extension ConfigSection {
    /// Reads the path of something on a host's site.
    func path(default path: String, _ help: String) -> String {
        let value = string("path", default: path, help)
        if !value.hasPrefix("/") || value.contains(where: { "?#{}*: ".contains($0) }) {
            fail("path", "\"\(value)\" is no path", fix: "write one such as \"\(path)\"")
        }
        return value
    }
}
