package ticketbridge;

import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.*;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import java.util.logging.*;
import ticketbridge.TicketBridge.*;

/**
 * Files tickets by name. Every argument after the address and the key is filed after the one before it, those joined
 * by a comma at once. The clock stands still, but for "+5", which is five seconds later, and "loop", which files 481
 * times in 27 seconds. "link CODE" types a code,
 * "unlink" cuts the link.
 */
public class Main extends Handler {
    static final UUID NOTCH = UUID.fromString("550e8400-e29b-41d4-a716-446655440000");
    static final UUID ACCUSED = UUID.fromString("660e8400-e29b-41d4-a716-446655440001");
    static final Logger LOG = Logger.getLogger("TicketBridge");
    static Instant now = Instant.EPOCH;

    public static void main(String[] args) {
        System.setOut(new PrintStream(System.out, true, StandardCharsets.UTF_8));
        LOG.setUseParentHandlers(false);
        LOG.addHandler(new Main());
        var bridge = new TicketBridge(URI.create(args[0]), args[1], Duration.ofMinutes(1), Duration.ofSeconds(5),
                Duration.ofMillis(Long.getLong("timeout", 10_000)), () -> now);
        for (String step : Arrays.asList(args).subList(2, args.length)) {
            if (step.startsWith("+")) {
                now = now.plusSeconds(Long.parseLong(step));
            } else if (step.equals("loop")) {
                loop(bridge);
            } else if (step.equals("unlink")) {
                System.out.println(told(bridge.unlink(new Player(NOTCH, "Notch")).thenApply(nothing -> "cut")));
            } else if (step.startsWith("link ")) {
                link(bridge, step.substring(5));
            } else {
                file(bridge, step.split(","));
            }
        }
    }

    static void file(TicketBridge bridge, String... names) {
        var filed = new ArrayList<CompletableFuture<String>>();
        for (String name : names) {
            filed.add(bridge.create(ticket(name)).thenApply(Filed::id));
        }
        for (var outcome : filed) {
            System.out.println((outcome.isDone() ? "done " : "pending ") + told(outcome));
        }
    }

    /** Types a code; "null" and "nobody" stand for none and for no player. */
    static void link(TicketBridge bridge, String code) {
        var linked = bridge.link(code.equals("nobody") ? null : new Player(NOTCH, "Notch"),
                code.equals("null") ? null : code);
        System.out.println((linked.isDone() ? "done " : "pending ") + told(linked));
    }

    static void loop(TicketBridge bridge) {
        var told = new ArrayList<String>();
        for (int i = 0; i < 481; i++) {
            told.add(told(bridge.create(ticket("rumour")).thenApply(Filed::id)));
            told.add(told(bridge.create(ticket("blank")).thenApply(Filed::id)));
            now = now.plusMillis(27_000 / 481);
        }
        System.out.println(told.stream().filter(text -> text.contains("Invalid data")).count() + " sent, "
                + told.stream().filter(text -> text.contains("Wait ")).count() + " told to wait, "
                + told.stream().filter(text -> text.contains("is empty")).count() + " empty");
    }

    static String told(CompletableFuture<String> outcome) {
        return outcome.handle((id, failure) ->
                failure == null ? "kept " + id : "refused " + TicketBridge.sentence(failure)).join();
    }

    static Ticket ticket(String name) {
        var notch = new Player(NOTCH, "Notch");
        var report = Ticket.of("player", notch, "Fly hacks", HOSTILE).about(new Player(ACCUSED, "Hacker123"));
        return switch (name) {
            case "nothing" -> null;
            case "nobody" -> Ticket.of("player", null, "s", "d");
            case "no uuid" -> Ticket.of("player", new Player(null, "Notch"), "s", "d");
            case "no type" -> Ticket.of(null, notch, "s", "d");
            case "null lines" -> report.withChat(Arrays.asList(null, "so long", null)).withTags("fly", null);
            case "only nulls" -> report.withChat(Arrays.asList((String) null)).withTags((String[]) null).about(null);
            case "blank" -> Ticket.of("bug", notch, "s", " \t\u00a0\u3000\n\1");
            case "blank subject" -> Ticket.of("bug", notch, "", "d");
            case "long" -> Ticket.of("bug", notch, "s", "\ud83d\ude00".repeat(10_001));
            case "long subject" -> Ticket.of("bug", notch, "s".repeat(257), "d");
            case "longest" -> Ticket.of("bug", notch, "\u00f6".repeat(256), "\ud83d\ude00".repeat(10_000));
            case "another" -> Ticket.of("player", notch, "Fly hacks", "Another.");
            case "later chat" -> report.withChat(List.of("12:00:09 Notch: still"));
            case "early chat" -> report.withChat(List.of("12:00:01 Notch: look"));
            case "honest" -> Ticket.of("player", new Player(ACCUSED, "Honest"), "Fly hacks", "He flies.");
            case "bug" -> Ticket.of("bug", notch, null, null).withTags();
            default -> Ticket.of(name, notch, "Fly hacks", HOSTILE).about(new Player(ACCUSED, "Hacker123"))
                    .withChat(List.of("12:00:01 Hacker123: \"bye\"", "so long"))
                    .withTags("cheating", "fly").withPriority("high").withServer("survival-1");
        };
    }

    @Override
    public void publish(LogRecord record) {
        System.out.println("warned " + record.getMessage());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}

    static final String HOSTILE = /* the tests' */;
}
