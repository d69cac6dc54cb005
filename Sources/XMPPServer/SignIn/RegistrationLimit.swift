import Synchronization

/// Limits registrations from an address.
final class RegistrationLimit: Sendable {
    /// A place for one registration; with nil the address is not counted.
    struct Place {
        fileprivate let place: AttemptLimit<CIDRBlock>.Place?
    }

    private let limits: Mutex<ServerLimits>
    private let byAddress: AttemptLimit<CIDRBlock>

    init(_ limits: ServerLimits) {
        self.limits = Mutex(limits)
        byAddress = AttemptLimit(limit: limits.registrations.perAddress, within: limits.registrations.time)
    }

    /// Changes the limits.
    func use(_ limits: ServerLimits) {
        self.limits.withLock { $0 = limits }
        byAddress.change(limit: limits.registrations.perAddress, within: limits.registrations.time)
    }

    /// - Returns: nil if there are too many.
    func take(from address: IPAddress?, at now: Duration) -> Place? {
        guard let address, !limits.withLock({ $0.trusts(address) }) else { return Place(place: nil) }
        return byAddress.take(address.client, at: now).map { Place(place: $0) }
    }

    func giveBack(_ place: Place) { place.place.map(byAddress.giveBack) }
}
