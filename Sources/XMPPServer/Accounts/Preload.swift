/// Values of a module's store that are in memory along with their account, see `Registrar.preload`.
struct Preload: Sendable {
    let store: String
    let fill: @Sendable (AccountRecord, [String: [UInt8]]) -> Void
}
