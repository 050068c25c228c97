package org.bukkit.plugin.java;

import java.io.File;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.logging.Logger;
import org.bukkit.Server;
import org.bukkit.command.Command;
import org.bukkit.command.CommandSender;
import org.bukkit.configuration.file.FileConfiguration;
import org.bukkit.entity.Player;
import org.bukkit.plugin.Plugin;
import org.bukkit.plugin.PluginManager;
import org.bukkit.scheduler.BukkitScheduler;

/** As much of Paper as the examples use: configuration and folder are system properties, the main thread a queue. */
public abstract class JavaPlugin implements Plugin {
    public static final LinkedBlockingQueue<Runnable> MAIN_THREAD = new LinkedBlockingQueue<>();
    public static final Map<UUID, Player> PRESENT = new ConcurrentHashMap<>();
    private final FileConfiguration config = new FileConfiguration(
            Map.of("url", System.getProperty("bridge"), "api-key", System.getProperty("key")));

    public void onEnable() {}

    public boolean onCommand(CommandSender sender, Command command, String label, String[] args) {
        return false;
    }

    public void saveDefaultConfig() {}

    public FileConfiguration getConfig() {
        return config;
    }

    public void onDisable() {}

    public File getDataFolder() {
        return new File(System.getProperty("folder"));
    }

    public Logger getLogger() {
        return Logger.getLogger("plugin");
    }

    public Server getServer() {
        return new Server() {
            @Override
            public BukkitScheduler getScheduler() {
                return plugin -> MAIN_THREAD::add;
            }

            @Override
            public PluginManager getPluginManager() {
                return (listener, plugin) -> {};
            }

            @Override
            public Player getPlayer(UUID uuid) {
                return PRESENT.get(uuid);
            }
        };
    }
}
