import XMPP

/// An external component that has connected. Handlers run on the event loop of its connection.
public struct ComponentEvent: Sendable {
    public let component: any Service
    /// The host that it belongs to.
    public let host: Host
    /// Sends the component many stanzas, one by one, as fast as it reads them. `sendNext` routes one stanza to the
    /// component; false: there was none left.
    public let sendBatch: @Sendable (_ sendNext: @escaping () -> Bool) -> Void
}
