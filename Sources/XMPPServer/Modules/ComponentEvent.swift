import XMPP

/// An external component that has connected, to this server or to another one. Handlers run on an event loop: here that of
/// its connection.
public struct ComponentEvent: Sendable {
    public let component: any Service
    /// The host that it belongs to.
    public let host: Host
    /// Sends the component many stanzas, one by one, no faster than it reads them if it has connected here. `sendNext` routes one
    /// stanza to the component, or one that has it sent something; false: there was none left.
    public let sendBatch: @Sendable (_ sendNext: @escaping () -> Bool) -> Void
}
