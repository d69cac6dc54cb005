/// Values of a module's store that are in memory along with their account, see `Registrar.resident`.
struct ResidentValues: Sendable {
    let store: String
    let fill: @Sendable (AccountRecord, [String: [UInt8]]) -> Void
}
