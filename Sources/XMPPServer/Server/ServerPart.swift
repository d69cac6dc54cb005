/// A part beside the streams that follows the server's configuration, such as the web.
public protocol ServerPart: AnyObject, Sendable {
    /// Its ports in a configuration. Connections may come after ``reloaded()`` was called.
    ///
    /// - Throws: if it cannot serve the configuration.
    func ports(in configuration: ServerConfiguration) throws(ServerError) -> [PortUse]

    /// The configuration, the hosts or their modules have changed.
    func reloaded() async
}
