package ticketbridge;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.bukkit.entity.Player;
import org.bukkit.event.EventHandler;
import org.bukkit.event.Listener;
import org.bukkit.event.player.PlayerJoinEvent;
import org.bukkit.plugin.java.JavaPlugin;

/**
 * A complete example: a Paper plugin with which players read in the game what staff replied, also if they were away.
 * MIT licence. It needs TicketEvents.java beside it, and a plugin.yml and a config.yml, which the README has.
 *
 * <p>Each event is a line in its player's file, once, however often it comes: "+" until it was shown, then "-".
 */
public final class ShowReplies extends JavaPlugin implements Listener {
    private static final int KEPT = 50; // lines for each player

    private TicketEvents events;

    @Override
    public void onEnable() {
        saveDefaultConfig();
        try {
            Files.createDirectories(inboxes());
            events = new TicketEvents(TicketEvents.file(getDataFolder().toPath().resolve("events")), this::keep);
        } catch (IOException failure) {
            throw new IllegalStateException("The plugin's folder cannot be used.", failure);
        }
        getServer().getPluginManager().registerEvents(this, this);
        events.poll(URI.create(getConfig().getString("url")), getConfig().getString("api-key"));
    }

    @Override
    public void onDisable() {
        if (events != null) {
            events.close();
        }
    }

    @EventHandler
    public void onJoin(PlayerJoinEvent joined) throws IOException {
        show(joined.getPlayer());
    }

    /** Saves an event for its player, and shows it if they are there. On the thread of TicketEvents. */
    private void keep(TicketEvents.Event event) throws IOException {
        if (event.reporterId() == null) {
            return;
        }
        UUID player = UUID.fromString(event.reporterId());
        add(player, event.id(), sentence(event).replaceAll("[\\s§]+", " "));
        getServer().getScheduler().getMainThreadExecutor(this).execute(() -> {
            Player present = getServer().getPlayer(player);
            if (present != null) {
                showOrLog(present);
            }
        });
    }

    private static String sentence(TicketEvents.Event event) {
        return event.reply() == null
                ? "Your ticket " + event.ticketId() + " is now " + event.status() + "."
                : event.reply().author() + " replied to your ticket " + event.ticketId() + ": " + event.reply().text();
    }

    private synchronized void add(UUID player, String id, String sentence) throws IOException {
        List<String> lines = read(player);
        if (lines.stream().anyMatch(line -> line.startsWith(id + " ", 2))) {
            return; // it came before
        }
        lines.add("+ " + id + " " + sentence);
        write(player, lines.subList(Math.max(0, lines.size() - KEPT), lines.size()));
    }

    private void showOrLog(Player player) {
        try {
            show(player);
        } catch (IOException failure) {
            getLogger().warning("Replies cannot be shown: " + failure);
        }
    }

    private synchronized void show(Player player) throws IOException {
        List<String> lines = read(player.getUniqueId());
        boolean isNew = false;
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).startsWith("+")) {
                player.sendMessage(lines.get(i).split(" ", 3)[2]);
                lines.set(i, "-" + lines.get(i).substring(1));
                isNew = true;
            }
        }
        if (isNew) {
            write(player.getUniqueId(), lines);
        }
    }

    private List<String> read(UUID player) throws IOException {
        Path file = inboxes().resolve(player.toString());
        return Files.exists(file) ? new ArrayList<>(Files.readAllLines(file)) : new ArrayList<>();
    }

    private void write(UUID player, List<String> lines) throws IOException {
        TicketEvents.file(inboxes().resolve(player.toString())).save(String.join("\n", lines) + "\n");
    }

    private Path inboxes() {
        return getDataFolder().toPath().resolve("inboxes");
    }
}
