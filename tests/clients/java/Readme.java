package ticketbridge;

import java.net.URI;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;

/** The readme's code, with as much of Paper as it uses. */
public class Readme {
    record Someone(UUID getUniqueId, String getName) {
        void sendMessage(String text) { System.out.println(text); }
    }
    record Config(String key) {
        String getString(String path) { return path.equals("api-key") ? key : null; }
    }
    static class Scheduler {
        Executor getMainThreadExecutor(Readme plugin) { return MAIN_THREAD; }
    }
    static class Server {
        Scheduler getScheduler() { return new Scheduler(); }
    }

    static final LinkedBlockingQueue<Runnable> TASKS = new LinkedBlockingQueue<>();
    static final Executor MAIN_THREAD = TASKS::add;
    final Config config;
    TicketBridge bridge;

    Readme(Config config) { this.config = config; }
    Config getConfig() { return config; }
    Server getServer() { return new Server(); }

    void start() {
        /* the readme's start */
    }

    void command(Someone player, Someone accused, String reason) {
        /* the readme's command */
    }

    public static void main(String[] args) throws InterruptedException {
        var plugin = new Readme(new Config(args[0]));
        plugin.start();
        var notch = new Someone(UUID.fromString("550e8400-e29b-41d4-a716-446655440000"), "Notch");
        var accused = new Someone(UUID.fromString("660e8400-e29b-41d4-a716-446655440001"), "Hacker123");
        for (String reason : new String[] {"He flies.", "He flies."}) {
            plugin.command(notch, accused, reason);
            TASKS.take().run();
        }
    }
}
