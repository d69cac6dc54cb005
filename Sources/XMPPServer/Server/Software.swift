/// The name and version of the server.
public enum Software {
    public static let name = "Swallowtail"
    public static let version = "0.1.0"
}
