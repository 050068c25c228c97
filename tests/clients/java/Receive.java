package ticketbridge;

import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * Receives events: "poll FILE COUNT URL KEY" until something was saved so many times, "listen FILE 0 SECRET" until the
 * input ends. A line for each event that the handler gets. The handler throws at the first -Dfail of them,
 * and the process ends within the handler of event -Dcrash, which has printed it by then.
 */
public class Receive extends Handler {
    static final Logger LOG = Logger.getLogger("TicketEvents");

    public static void main(String[] args) throws Exception {
        System.setOut(new PrintStream(System.out, true, StandardCharsets.UTF_8));
        LOG.setUseParentHandlers(false);
        LOG.addHandler(new Receive());
        var left = new CountDownLatch(Integer.parseInt(args[2]));
        int[] calls = {0};
        int fails = Integer.getInteger("fail", 0);
        var file = TicketEvents.file(Path.of(args[1]));
        var store = new TicketEvents.Store() {
            @Override
            public String load() throws IOException {
                return file.load();
            }

            @Override
            public void save(String handled) throws IOException {
                file.save(handled);
                left.countDown();
            }
        };
        var events = new TicketEvents(store, event -> {
            System.out.println("handled " + event.id() + " " + event.type() + " " + event.gameReport() + " "
                    + event.status() + " " + (event.reply() == null ? null : event.reply().text()));
            if (++calls[0] <= fails) {
                throw new IllegalStateException("no");
            }
            if (calls[0] == Integer.getInteger("crash", 0)) {
                Runtime.getRuntime().halt(0);
            }
        }, Duration.ofMillis(10), InstantSource.system());
        if (args[0].equals("poll")) {
            events.poll(URI.create(args[3]), args[4]);
            left.await();
        } else {
            System.out.println(events.listen(new InetSocketAddress("127.0.0.1", 0), args[3]).getPort());
            System.in.readAllBytes();
        }
        events.close();
    }

    @Override
    public void publish(LogRecord record) {
        System.out.println("logged " + record.getMessage());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
