import Crypto
import NIOCore
import Synchronization
import XMPP

/// The stream features of one host on one listener as they are sent. They are the same on each stream of a layer with
/// the same channel bindings, so they are written once.
final class FeatureCache: Sendable {
    struct Key: Hashable {
        let layer: StreamStateMachine.Layer
        let bindings: [ChannelBindingType]
        let isBound: Bool
    }

    struct Features: Sendable {
        /// The whole element.
        let bytes: ByteBuffer
        /// Identifies the features (XEP-0509 §2.1); nil: not announced.
        let version: String?
    }

    private let features = Mutex<[Key: Features]>([:])

    func features(_ key: Key, write: () -> Features) -> Features {
        if let known = features.withLock({ $0[key] }) { return known }
        let written = write()
        features.withLock { $0[key] = written }
        return written
    }

    /// A name derived from the features.
    static func version(of bytes: ByteBuffer) -> String {
        Base64.encode(Array(SHA256.hash(data: Array(bytes.readableBytesView)).prefix(18)))
    }
}
