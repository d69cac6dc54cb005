import Logging
import NIOPosix
import XMPP
import XMPPStream

extension Host {
    /// A host that serves nobody and stores nothing: for reading the settings of modules and what they declare.
    static func forReference(_ configuration: HostConfiguration) -> Host {
        guard let jid = JID(local: nil, domain: configuration.domain, resource: nil) else {
            preconditionFailure("a host's domain is one by now")
        }
        let logger = Logger(label: "swallowtail")
        return Host(
            configuration, jid: jid, limits: .default, storage: NoStorage(), archiveIDs: ArchiveIDGenerator(after: nil),
            router: StanzaRouter(hosts: HostTable(), loops: LoopTable(group: MultiThreadedEventLoopGroup.singleton)),
            key: ServerKey(), keyMaker: KeyMaker(), signIns: SignInLog(logger, now: Timestamp.now),
            logger: logger, now: Timestamp.now, uptime: { .zero })
    }
}

/// A storage that is empty and stays so.
private struct NoStorage: EmptyStorage {}
