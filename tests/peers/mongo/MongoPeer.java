import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetSocketAddress;

/**
 * Speaks MongoDB's wire protocol on a port of the loopback: in memory until it is killed, or, with a file, so that what was
 * stored is there again after SIGTERM and a new start.
 */
public class MongoPeer {
    public static void main(String[] arguments) {
        boolean keeps = arguments.length > 1;
        MongoServer server = new MongoServer(keeps ? new H2Backend(arguments[1]) : new MemoryBackend());
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        // One thread for all connections: documents are changed in place, and one that is being sent must not be.
        server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 1, 1);
        System.out.println("listening");
    }
}
