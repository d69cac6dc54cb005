import Synchronization
import XMPP
import XMPPStream

/// Limits attempts to sign in: from one address, for one account from one address, and for one account from all
/// addresses.
///
/// The last one stops guessing from many addresses. It must not lock the owner out, so it does not apply to addresses
/// from which the account was signed in to recently. Addresses of one client, such as a /64, count as one.
final class SignInLimits: Sendable {
    private struct Pair: Hashable {
        let address: CIDRBlock?
        let account: JID
    }

    /// The places that an attempt takes.
    private struct Places {
        var address: AttemptLimit<CIDRBlock>.Place?
        var pair: AttemptLimit<Pair>.Place?
        var account: AttemptLimit<JID>.Place?
    }

    private let limits: Mutex<ServerLimits>
    private let byAddress: AttemptLimit<CIDRBlock>
    private let byPair: AttemptLimit<Pair>
    private let byAccount: AttemptLimit<JID>
    private let known = KnownPairs()
    private let uptime: @Sendable () -> Duration

    init(_ limits: ServerLimits, uptime: @escaping @Sendable () -> Duration) {
        self.limits = Mutex(limits)
        self.uptime = uptime
        let time = limits.signIns.time
        byAddress = AttemptLimit(limit: limits.signIns.perAddress, within: time)
        byPair = AttemptLimit(limit: limits.signIns.perAccount, within: time)
        byAccount = AttemptLimit(limit: limits.signIns.perAccountInAll, within: time)
    }

    /// Changes the limits.
    func use(_ limits: ServerLimits) {
        self.limits.withLock { $0 = limits }
        let (signIns, time) = (limits.signIns, limits.signIns.time)
        byAddress.change(limit: signIns.perAddress, within: time)
        byPair.change(limit: signIns.perAccount, within: time)
        byAccount.change(limit: signIns.perAccountInAll, within: time)
    }

    private func trusts(_ address: IPAddress) -> Bool { limits.withLock { $0.trusts(address) } }

    /// Counts an attempt, and runs it if the limits allow it. Only a wrong secret (`not-authorized`) stays counted.
    ///
    /// - Parameters:
    ///   - account: nil: only the secret determines it.
    ///   - test: not called if there were too many attempts.
    /// - Returns: the result of `test`, or `temporary-auth-failure`.
    func attempt<Value>(
        _ account: JID?, from address: IPAddress?, _ test: () -> Result<Value, SASLFailure>
    ) -> Result<Value, SASLFailure> {
        if let address, trusts(address) { return test() }
        guard let places = take(account, address?.client) else { return .failure(.temporaryAuthFailure) }
        let result = test()
        if case .failure(.notAuthorized) = result { return result }
        giveBack(places)
        if case .success = result, let account, let address {
            known.note(Pair(address: address.client, account: account).hashValue, at: uptime())
        }
        return result
    }

    /// Whether an attempt now would be allowed. It saves work; `attempt` decides.
    func isOpen(_ account: JID?, from address: IPAddress?) -> Bool {
        if let address, trusts(address) { return true }
        guard let places = take(account, address?.client) else { return false }
        giveBack(places)
        return true
    }

    private func take(_ account: JID?, _ address: CIDRBlock?) -> Places? {
        let now = uptime()
        var places = Places()
        if let address {
            places.address = byAddress.take(address, at: now)
            if places.address == nil { return nil }
        }
        guard let account else { return places }
        let pair = Pair(address: address, account: account)
        let isKnown = known.contains(pair.hashValue)
        places.pair = byPair.take(pair, at: now)
        if places.pair != nil, !isKnown { places.account = byAccount.take(account, at: now) }
        guard places.pair != nil, isKnown || places.account != nil else {
            giveBack(places)
            return nil
        }
        return places
    }

    private func giveBack(_ places: Places) {
        places.address.map(byAddress.giveBack)
        places.pair.map(byPair.giveBack)
        places.account.map(byAccount.giveBack)
    }
}

/// The addresses from which accounts were recently signed in to, by hashes. A collision would only exempt an address
/// from the limit for all addresses.
private final class KnownPairs: Sendable {
    private static let capacity = 65_536

    /// The time of the sign-in, in seconds of uptime.
    private let times = Mutex<[Int: Int32]>([:])

    func contains(_ pair: Int) -> Bool { times.withLock { $0[pair] != nil } }

    func note(_ pair: Int, at now: Duration) {
        let now = Int32(clamping: now.components.seconds)
        times.withLock { times in
            if times.count >= Self.capacity, times[pair] == nil {
                let median = times.values.sorted()[times.count / 2]
                var spared = times.count / 2
                times = times.filter { _, time in
                    guard time >= median, spared > 0 else { return false }
                    spared -= 1
                    return true
                }
            }
            times[pair] = now
        }
    }
}
