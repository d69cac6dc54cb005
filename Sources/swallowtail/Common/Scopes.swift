import XMPPServer

/// What tokens and apps may be allowed to do.
enum Scopes {
    /// The scopes, all of which there are.
    ///
    /// - Throws: `Failure` that names the one that is not, and what was probably meant.
    static func known(_ scopes: [String], _ configuration: ServerConfiguration) throws -> [String] {
        let asked = configuration.hosts.flatMap(\.authentication.tokenScopes)
        let known = App.knownScopes + asked.filter { !App.knownScopes.contains($0) }
        if let unknown = scopes.first(where: { !known.contains($0) }) {
            let fix =
                nearestWord(to: unknown, among: known).map { "did you mean \"\($0)\"?" }
                ?? "there are \(known.joined(separator: ", "))"
            throw Failure("there is no scope \"\(unknown)\" — \(fix)")
        }
        return scopes
    }
}
