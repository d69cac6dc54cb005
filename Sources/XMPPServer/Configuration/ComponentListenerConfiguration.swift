/// A port where external components connect.
public struct ComponentListenerConfiguration: Hashable, Sendable {
    /// The addresses to listen on.
    public let addresses: [IPAddress]
    /// The port; 0: any free one.
    public let port: Int

    init(_ section: ConfigSection) {
        addresses = section.values(
            "addresses", default: [IPAddress("127.0.0.1")].compactMap(\.self), expected: "an IP address",
            example: "\"127.0.0.1\" or \"::1\"",
            "The addresses that are listened on. What components send crosses the network in clear.")
        port = section.integer("port", default: 5347, in: 0...65_535, "The port; 0: any that is free.")
        if section.hasEmptyList("addresses") {
            section.fail(
                "addresses", "no component could connect", fix: "list at least one address, such as \"127.0.0.1\"")
        }
    }

    /// - Parameter isNeeded: whether a host has a component; then there is always a listener.
    static func all(_ root: ConfigSection, isNeeded: Bool) -> [ComponentListenerConfiguration] {
        let sections = root.list(
            "component-listeners",
            "Where external components connect. Without any, port 5347 of 127.0.0.1 where a host has components.")
        if sections.isEmpty, isNeeded { return [ComponentListenerConfiguration(ConfigSection())] }
        return sections.map { ComponentListenerConfiguration($0) }
    }
}
