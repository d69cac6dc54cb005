/// A module's values that are loaded with an account, see `Registrar.preload`.
struct Preload: Sendable {
    let store: String
    let fill: @Sendable (AccountRecord, [String: [UInt8]]) -> Void
}
