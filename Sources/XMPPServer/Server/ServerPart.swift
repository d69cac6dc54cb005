/// Something beside the streams that goes by a server's configuration, such as the web.
public protocol ServerPart: AnyObject, Sendable {
    /// The ports that it has in a configuration. Connections may come on them when ``reloaded()`` has been called.
    ///
    /// - Throws: if it cannot serve what the configuration asks of it.
    func ports(in configuration: ServerConfiguration) throws(ServerError) -> [PortUse]

    /// The server has another configuration, other hosts, or hosts with other modules.
    func reloaded() async
}
