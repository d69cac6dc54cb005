import Synchronization
import XMPP
import XMPPStream

/// Recent revocations. A token may be revoked between a client's authentication and the binding of its resource.
final class Revocations: Sendable {
    private enum Key: Hashable {
        case token([UInt8])
        case grant(String)
    }

    /// More than are revoked during a sign-in.
    private static let capacity = 1024

    private struct State {
        var keys: Set<Key> = []
        var order: [Key] = []
        var next = 0
    }

    private let state = Mutex(State())

    func add(token digest: [UInt8]) { add(.token(digest)) }

    func add(grant id: String) { add(.grant(id)) }

    private func add(_ key: Key) {
        state.withLock { state in
            guard state.keys.insert(key).inserted else { return }
            if state.order.count < Self.capacity {
                state.order.append(key)
            } else {
                state.keys.remove(state.order[state.next])
                state.order[state.next] = key
                state.next = (state.next + 1) % Self.capacity
            }
        }
    }

    func contains(_ token: VerifiedToken?) -> Bool {
        guard let token else { return false }
        return state.withLock { state in
            state.keys.contains(.token(token.digest)) || token.grant.map { state.keys.contains(.grant($0)) } ?? false
        }
    }
}
