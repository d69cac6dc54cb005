/// Where the server keeps its data.
public struct DataConfiguration: Hashable, Sendable {
    /// The directory of everything that outlives the process.
    public let directory: String
    /// The database file.
    public let database: String
    /// The Unix socket through which the command line administers the running server.
    public let administrationSocket: String
    /// The file with the server's secret.
    public var keyFile: String { "\(directory)/\(Self.keyFileName)" }

    /// The name of the file with the server's secret, in the data directory and in backups.
    public static let keyFileName = "secret.key"

    /// The maximum that fits into a socket address with its closing zero byte.
    static let longestSocketPath = 107

    init(_ section: ConfigSection, folder: ConfigFolder) {
        let directory = folder.path(
            section.string(
                "directory", default: "data",
                "The directory of everything that outlives the process. Relative paths start at the configuration file."
            )
        )
        let database = section.string(
            "database", default: "swallowtail.db", "The database file, relative to the data directory."
        )
        let socket = section.optionalString(
            "administration-socket",
            "The socket for the command line; without it, `administration.sock` in the data directory."
        )
        self.directory = directory
        self.database = database.hasPrefix("/") ? database : "\(directory)/\(database)"
        administrationSocket = socket.map(folder.path) ?? "\(directory)/administration.sock"
        let length = administrationSocket.utf8.count
        if length > Self.longestSocketPath {
            section.fail(
                "administration-socket",
                "the path has \(length) bytes, a socket's may have \(Self.longestSocketPath)",
                fix: "set a shorter path, such as \"/run/swallowtail.sock\""
            )
        }
    }
}
